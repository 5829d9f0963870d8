// The "zero page" of the Linux/x86 boot protocol: what a 64-bit Linux entry finds through RSI.
// Source: the kernel's Documentation/arch/x86/boot.rst and zero-page.rst.
#ifndef HVKIT_VMM_LINUX_BOOT_PARAMS_H_
#define HVKIT_VMM_LINUX_BOOT_PARAMS_H_

#include <asm/bootparam.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "vmm/boot_plan.h"
#include "vmm/placement.h"
#include "vmm/plan_builder.h"

namespace hvkit::vmm {

// Adds the command line and the zero page, which carries `header` with a boot loader's fields
// filled in, and finishes the plan: long mode at `entry` with RSI at the zero page.
[[nodiscard]] absl::StatusOr<BootPlan> FinishLinuxPlan(const BootInputs& inputs,
                                                       const setup_header& header, Range initrd,
                                                       uint64_t entry, PlanBuilder&& builder);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_LINUX_BOOT_PARAMS_H_
