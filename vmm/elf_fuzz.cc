// Any bytes as an ELF kernel of either class: PVH, multiboot or Linux's own entry.
#include <cstddef>
#include <span>

#include "testing/fuzz/fuzz_target.h"
#include "vmm/boot_plan.h"
#include "vmm/elf_image.h"
#include "vmm/elf_loader.h"
#include "vmm/fuzz_inputs.h"

void hvkit::testing::FuzzOne(std::span<const std::byte> input) {
  const vmm::BootInputs inputs = vmm::TakeBootInputs(input);
  if (vmm::LooksLikeElf(inputs.kernel.bytes)) CheckPlan(vmm::PlanElf(inputs), inputs);
}
