// Boots an ELF file by Xen's PVH protocol: 32-bit protected mode, EBX at an hvm_start_info. Source:
// Xen's docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h (version 1 of the structure).
#ifndef HVKIT_VMM_PVH_LOADER_H_
#define HVKIT_VMM_PVH_LOADER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "vmm/boot_plan.h"
#include "vmm/elf_image.h"

namespace hvkit::vmm {

inline constexpr uint32_t kHvmStartMagic = 0x336ec578;

struct HvmStartInfo {
  uint32_t magic = kHvmStartMagic;
  uint32_t version = 1;
  uint32_t flags = 0;
  uint32_t module_count = 0;
  uint64_t modules = 0;
  uint64_t cmdline = 0;
  uint64_t rsdp = 0;
  uint64_t memory_map = 0;
  uint32_t memory_map_entries = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(HvmStartInfo) == 56);

struct HvmModule {
  uint64_t address = 0;
  uint64_t size = 0;
  uint64_t cmdline = 0;
  uint64_t reserved = 0;
};
static_assert(sizeof(HvmModule) == 32);

struct HvmMemoryMapEntry {
  uint64_t address = 0;
  uint64_t size = 0;
  uint32_t type = 0;  // as RegionType
  uint32_t reserved = 0;
};
static_assert(sizeof(HvmMemoryMapEntry) == 24);

// `elf` has a PVH entry.
[[nodiscard]] absl::StatusOr<BootPlan> PlanPvh(const BootInputs& inputs, const ElfImage& elf);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_PVH_LOADER_H_
