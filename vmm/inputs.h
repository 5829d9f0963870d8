// The files of a boot, read and planned: everything that can be refused before KVM is opened.
#ifndef HVKIT_VMM_INPUTS_H_
#define HVKIT_VMM_INPUTS_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "vmm/boot_plan.h"
#include "vmm/config.h"

namespace hvkit::vmm {

// Files and the plan that borrows from them. Immutable.
struct Inputs {
  std::vector<std::byte> kernel;
  std::vector<std::byte> initrd;
  BootPlan plan;
};

// Reads the kernel and the initrd, builds the ACPI tables and plans the boot. Errors are
// kInvalidArgument, one line that names the flag.
[[nodiscard]] absl::StatusOr<std::unique_ptr<const Inputs>> ReadInputs(const Config& config);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_INPUTS_H_
