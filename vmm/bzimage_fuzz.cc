// Any bytes as a Linux bzImage.
#include <cstddef>
#include <span>

#include "testing/fuzz/fuzz_target.h"
#include "vmm/boot_plan.h"
#include "vmm/bzimage_loader.h"
#include "vmm/fuzz_inputs.h"

void hvkit::testing::FuzzOne(std::span<const std::byte> input) {
  const vmm::BootInputs inputs = vmm::TakeBootInputs(input);
  if (vmm::LooksLikeBzImage(inputs.kernel.bytes)) CheckPlan(vmm::PlanBzImage(inputs), inputs);
}
