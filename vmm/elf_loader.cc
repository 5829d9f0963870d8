#include "vmm/elf_loader.h"

#include <asm/bootparam.h>

#include <optional>
#include <utility>

#include "kvm_ioctls/status_macros.h"
#include "vmm/elf_image.h"
#include "vmm/linux_boot_params.h"
#include "vmm/multiboot_loader.h"
#include "vmm/plan_builder.h"
#include "vmm/pvh_loader.h"

namespace hvkit::vmm {
namespace {

// What a bzImage's header would say, for a kernel that comes without one.
setup_header VmlinuxHeader() {
  setup_header header{};
  header.boot_flag = 0xaa55;
  header.header = 0x53726448;  // "HdrS"
  header.version = 0x020f;
  header.loadflags = LOADED_HIGH;
  header.cmdline_size = kMaxCmdlineLength;
  return header;
}

absl::StatusOr<BootPlan> PlanElf64(const BootInputs& inputs, const ElfImage& elf) {
  PlanBuilder builder(inputs, "ELF64");
  HVKIT_RETURN_IF_ERROR(AddSegments(inputs, elf, elf.entry, builder));
  HVKIT_ASSIGN_OR_RETURN(const Range initrd, builder.AddInitrdBelow(kPciHoleStart));
  return FinishLinuxPlan(inputs, VmlinuxHeader(), initrd, elf.entry, std::move(builder));
}

}  // namespace

absl::StatusOr<BootPlan> PlanElf(const BootInputs& inputs) {
  HVKIT_ASSIGN_OR_RETURN(const ElfImage elf, ParseElf(inputs));
  const std::optional<MultibootHeader> multiboot = FindMultibootHeader(inputs.kernel.bytes);
  const bool pvh_first = elf.elf_class == ElfClass::k64 || !multiboot.has_value();
  if (elf.pvh_entry.has_value() && pvh_first) return PlanPvh(inputs, elf);
  if (multiboot.has_value()) return PlanMultibootElf(inputs, *multiboot, elf);
  if (elf.elf_class == ElfClass::k64) return PlanElf64(inputs, elf);
  return KernelError(inputs,
                     "a 32-bit ELF file with neither a multiboot header in its first 8 KiB nor a "
                     "PVH note; use a 64-bit kernel or one with either");
}

}  // namespace hvkit::vmm
