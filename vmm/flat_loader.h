// Loads raw bytes at 0x10000 and enters them in 16-bit real mode at 0x1000:0. There is no protocol:
// an initrd or a command line would not reach the code and is refused.
#ifndef HVKIT_VMM_FLAT_LOADER_H_
#define HVKIT_VMM_FLAT_LOADER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "vmm/boot_plan.h"

namespace hvkit::vmm {

inline constexpr uint64_t kFlatLoadAddress = 0x10000;

[[nodiscard]] absl::StatusOr<BootPlan> PlanFlat(const BootInputs& inputs);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_FLAT_LOADER_H_
