// Loads a Linux bzImage by the 64-bit boot protocol of Documentation/arch/x86/boot.rst: protocol
// 2.12 or later, a kernel with a 64-bit entry point. Its real-mode part is not run.
#ifndef HVKIT_VMM_BZIMAGE_LOADER_H_
#define HVKIT_VMM_BZIMAGE_LOADER_H_

#include "absl/status/statusor.h"
#include "vmm/boot_plan.h"
#include "vmm/byte_view.h"

namespace hvkit::vmm {

[[nodiscard]] bool LooksLikeBzImage(Bytes bytes);
[[nodiscard]] absl::StatusOr<BootPlan> PlanBzImage(const BootInputs& inputs);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_BZIMAGE_LOADER_H_
