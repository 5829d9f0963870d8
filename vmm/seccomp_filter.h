// What the VMM's process may still ask of the kernel once a guest runs: the system calls of the run
// loop, of the devices' threads and of an orderly end. A guest that takes over the VMM can then
// open no file (one to be read is refused quietly, since libraries try and cope), start no program
// and make no socket.
//
// Source: seccomp(2), libseccomp. Only x86-64's own system calls pass: those of other ABIs do not.
#ifndef HVKIT_VMM_SECCOMP_FILTER_H_
#define HVKIT_VMM_SECCOMP_FILTER_H_

#include "absl/status/status.h"

namespace hvkit::vmm {

// Confines all threads of the process, those that exist and those to come, for good. From then on
// any other system call ends the process: one line on stderr that names it, and exit status 5.
// kFailedPrecondition: this kernel has no filters, or not for all threads at once. Any thread;
// signal SIGSYS is its own.
[[nodiscard]] absl::Status EnterSeccomp();

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_SECCOMP_FILTER_H_
