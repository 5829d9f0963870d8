// What the run loop drives: something that enters the guest until it has a reason not to.
//
// KvmRunner is the real one. Tests of the loop use a fake, and a back end that must act around
// every entry (mark the VP in or out of the guest, flush) wraps another Runner. Nothing here knows
// threads.
#ifndef HVKIT_VCPU_RUNNER_H_
#define HVKIT_VCPU_RUNNER_H_

#include <cstdint>

#include "absl/status/status.h"

namespace hvkit::vcpu {

// How one entry ended.
enum class RunOutcome : uint8_t {
  kHandled,      // the exit was dealt with: enter again
  kInterrupted,  // somebody wants this vCPU; no exit is pending, so its state may be read and
                 // changed
  kHalted,       // the guest halted: enter again after a kick
  kStopped,      // a handler ended the run
  kFailed,       // TakeError() says why
};

// Only Interrupt may be called from any thread; all else is *VP thread*.
class Runner {
 public:
  virtual ~Runner() = default;

  // Enters the guest and handles the exit. Allocates nothing and holds no lock.
  [[nodiscard]] virtual RunOutcome Run() = 0;

  // Thread-safe and async-signal-safe: makes every Run that starts from now on return kInterrupted
  // (possibly after other outcomes that complete an exit) until the next AcknowledgeInterrupt. To
  // end a Run already in the guest, the caller sends the thread the kick signal as well.
  virtual void Interrupt() = 0;

  // Lets Run enter the guest again. Interrupts that come later are not lost.
  virtual void AcknowledgeInterrupt() = 0;

  // Called after each kInterrupted, when the requests of other threads have been served and before
  // the guest is entered: kHandled or kStopped.
  [[nodiscard]] virtual RunOutcome OnKicked() = 0;

  // Finishes an exit whose instruction KVM has not completed yet, without running guest code.
  [[nodiscard]] virtual absl::Status CompletePendingExit() = 0;

  // Why the last Run was kFailed.
  [[nodiscard]] virtual absl::Status TakeError() = 0;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_RUNNER_H_
