// Any bytes as a multiboot-1 image with load addresses of its own.
#include <cstddef>
#include <optional>
#include <span>

#include "testing/fuzz/fuzz_target.h"
#include "vmm/boot_plan.h"
#include "vmm/fuzz_inputs.h"
#include "vmm/multiboot_loader.h"

void hvkit::testing::FuzzOne(std::span<const std::byte> input) {
  const vmm::BootInputs inputs = vmm::TakeBootInputs(input);
  const std::optional<vmm::MultibootHeader> header = vmm::FindMultibootHeader(inputs.kernel.bytes);
  if (header.has_value()) CheckPlan(vmm::PlanMultibootRaw(inputs, *header), inputs);
}
