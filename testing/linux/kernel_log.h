// What a Linux guest's own kernel log says about the hypervisor that it found. Pure text in, text
// out.

#ifndef HVKIT_TESTING_LINUX_KERNEL_LOG_H_
#define HVKIT_TESTING_LINUX_KERNEL_LOG_H_

#include <string>
#include <string_view>

namespace hvkit::testing {

struct KernelFindings {
  std::string hypervisor;  // of the line "Hypervisor detected: ...", else "none"
  std::string privileges;  // what follows "Hyper-V: " in the line of privilege flags, else "none"
  std::string ipi;  // "hypercall" if the kernel says that it uses hypercalls for IPIs, else "apic"
  std::string tlbflush;  // "hypercall" if it says so for remote TLB flushes, else "native"
};

// `log` is the kernel's ring buffer as syslog(2) gives it.
[[nodiscard]] KernelFindings FindInKernelLog(std::string_view log);

// The first line that says that a processor or a task did not get further or that the kernel itself
// is broken; empty if there is none.
[[nodiscard]] std::string FindTrouble(std::string_view log);

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_LINUX_KERNEL_LOG_H_
