// The QEMU process that is the L1 machine: TCG emulates a processor with SVM, so that kvm-amd works
// in it.

#ifndef HVKIT_TESTING_RIG_MACHINE_H_
#define HVKIT_TESTING_RIG_MACHINE_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kvm_ioctls/unique_fd.h"
#include "testing/rig/options.h"

namespace hvkit::testing::rig {

// Paths of what one run reads and writes.
struct MachineFiles {
  std::string initrd;       // the whole initramfs
  std::string console_log;  // what L1 prints on its console
  std::string qemu_log;     // what QEMU prints
};

// QEMU's command line, without its program name. `port_fd` is the socket that becomes the
// virtio-serial port.
[[nodiscard]] std::vector<std::string> QemuArguments(const Options& options,
                                                     const MachineFiles& files, int port_fd);

// A running QEMU; the destructor kills it. Single-threaded.
class Machine {
 public:
  [[nodiscard]] static absl::StatusOr<Machine> Start(const Options& options,
                                                     const MachineFiles& files);
  ~Machine();
  Machine(Machine&& other) noexcept;
  Machine& operator=(Machine&& other) = delete;

  // The non-blocking socket to the port in L1.
  [[nodiscard]] int port() const { return port_.get(); }

  // Becomes readable when QEMU has ended.
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }

 private:
  Machine(pid_t pid, kvm::UniqueFd pidfd, kvm::UniqueFd port);

  pid_t pid_;
  kvm::UniqueFd pidfd_;
  kvm::UniqueFd port_;
};

}  // namespace hvkit::testing::rig

#endif  // HVKIT_TESTING_RIG_MACHINE_H_
