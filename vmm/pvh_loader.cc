#include "vmm/pvh_loader.h"

#include <utility>
#include <vector>

#include "kvm_ioctls/status_macros.h"
#include "vmm/byte_view.h"
#include "vmm/plan_builder.h"

namespace hvkit::vmm {
namespace {

constexpr uint64_t kAlignment = 8;

absl::Status AddModules(const BootInputs& inputs, PlanBuilder& builder, HvmStartInfo& info) {
  if (!inputs.initrd.has_value()) return absl::OkStatus();
  HVKIT_ASSIGN_OR_RETURN(const Range initrd, builder.AddInitrdBelow(kPciHoleStart));
  const HvmModule module = {.address = initrd.start, .size = initrd.size()};
  info.module_count = 1;
  HVKIT_ASSIGN_OR_RETURN(info.modules, builder.AddStructure(ToBytes(module), kAlignment));
  return absl::OkStatus();
}

absl::Status AddMemoryMap(const MemoryMap& map, PlanBuilder& builder, HvmStartInfo& info) {
  std::vector<std::byte> table;
  for (const MemoryRegion& region : map) {
    Append(table, HvmMemoryMapEntry{.address = region.start,
                                    .size = region.size,
                                    .type = static_cast<uint32_t>(region.type)});
  }
  info.memory_map_entries = static_cast<uint32_t>(map.size());
  HVKIT_ASSIGN_OR_RETURN(info.memory_map, builder.AddStructure(std::move(table), kAlignment));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BootPlan> PlanPvh(const BootInputs& inputs, const ElfImage& elf) {
  PlanBuilder builder(inputs, "PVH ELF");
  HVKIT_RETURN_IF_ERROR(AddSegments(inputs, elf, *elf.pvh_entry, builder));
  HvmStartInfo info = {.rsdp = inputs.acpi_rsdp};
  HVKIT_RETURN_IF_ERROR(AddModules(inputs, builder, info));
  HVKIT_RETURN_IF_ERROR(AddMemoryMap(inputs.memory, builder, info));
  HVKIT_ASSIGN_OR_RETURN(info.cmdline, builder.AddCmdline(inputs.cmdline, kMaxCmdlineLength));
  HVKIT_ASSIGN_OR_RETURN(const uint64_t start_info,
                         builder.AddStructure(ToBytes(info), kAlignment));
  return std::move(builder).Finish(
      {.mode = EntryMode::kProtected32, .rip = *elf.pvh_entry, .rbx = start_info});
}

}  // namespace hvkit::vmm
