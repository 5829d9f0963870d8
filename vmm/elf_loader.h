// Loads ELF kernels: by Xen's PVH protocol where the file has its entry note, by multiboot-1 where
// it has that header, otherwise a 64-bit file as a Linux vmlinux: at its entry point in long mode,
// RSI at the zero page.
//
// A 32-bit file's multiboot header comes before its PVH note, a 64-bit file's after it: the note is
// made for 64-bit kernels, and a 64-bit file with a multiboot header alone expects the 32-bit
// entry.
#ifndef HVKIT_VMM_ELF_LOADER_H_
#define HVKIT_VMM_ELF_LOADER_H_

#include "absl/status/statusor.h"
#include "vmm/boot_plan.h"

namespace hvkit::vmm {

[[nodiscard]] absl::StatusOr<BootPlan> PlanElf(const BootInputs& inputs);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_ELF_LOADER_H_
