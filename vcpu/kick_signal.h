// The signal that makes a thread leave KVM_RUN. It does nothing else: its handler is empty, and
// only its arrival counts. The one process-wide thing that vcpu uses.
#ifndef HVKIT_VCPU_KICK_SIGNAL_H_
#define HVKIT_VCPU_KICK_SIGNAL_H_

#include <sys/types.h>

#include "absl/status/status.h"

namespace hvkit::vcpu {

// The signal's number. Not a real-time signal: the kernel drops those while the user has too many
// pending (RLIMIT_SIGPENDING), and whoever has kicked would wait for ever.
int KickSignal();

// Installs the empty handler; again has no effect. AlreadyExists if the program uses the signal
// itself. Thread-safe.
[[nodiscard]] absl::Status InstallKickSignalHandler();

// Lets the calling thread receive the signal, whatever mask it inherited.
void UnblockKickSignal();

// Sends it to a thread of this process; a thread that has ended is ignored. Thread-safe and
// async-signal-safe.
void SendKickSignal(pid_t tid);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_KICK_SIGNAL_H_
