// What the loaders' fuzz targets share: boot inputs made from a fuzzer's bytes, and what holds for
// every plan.
#ifndef HVKIT_VMM_FUZZ_INPUTS_H_
#define HVKIT_VMM_FUZZ_INPUTS_H_

#include <cstddef>
#include <span>

#include "absl/status/statusor.h"
#include "vmm/boot_plan.h"

namespace hvkit::vmm {

// The first bytes choose the guest's memory, the command line's length and the initrd's; the rest
// is the kernel file. Borrows `input`.
[[nodiscard]] BootInputs TakeBootInputs(std::span<const std::byte> input);

// Holds a loader to its promise: a plan whose parts are disjoint and in RAM, or a refusal of one
// line that names a flag.
void CheckPlan(const absl::StatusOr<BootPlan>& plan, const BootInputs& inputs);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_FUZZ_INPUTS_H_
