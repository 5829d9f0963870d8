// Boots multiboot-1 images: 32-bit protected mode, EAX the magic, EBX at the information structure.
// Source: the Multiboot Specification 0.6.96.
//
// The load addresses come from the header where it has them (flag 16), otherwise from the ELF file.
// Modules are page-aligned and memory information is given whatever flags 0 and 1 say; other flags
// that a loader must understand are refused. The initrd is module 1. As with QEMU, the command line
// starts with the kernel's file name.
#ifndef HVKIT_VMM_MULTIBOOT_LOADER_H_
#define HVKIT_VMM_MULTIBOOT_LOADER_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "vmm/boot_plan.h"
#include "vmm/byte_view.h"
#include "vmm/elf_image.h"

namespace hvkit::vmm {

inline constexpr uint32_t kMultibootHeaderMagic = 0x1badb002;
inline constexpr uint32_t kMultibootEntryMagic = 0x2badb002;  // in EAX

// Header flags.
inline constexpr uint32_t kMultibootUnderstood = 0x3;  // page-aligned modules, memory information
inline constexpr uint32_t kMultibootRequired = 0xffff;
inline constexpr uint32_t kMultibootAddresses = 1u << 16;

struct MultibootHeader {
  uint64_t offset = 0;  // in the file
  uint32_t flags = 0;
};

struct MultibootInfo {
  static constexpr uint32_t kMemory = 1u << 0;
  static constexpr uint32_t kCmdline = 1u << 2;
  static constexpr uint32_t kModules = 1u << 3;
  static constexpr uint32_t kMemoryMap = 1u << 6;
  static constexpr uint32_t kBootLoaderName = 1u << 9;

  uint32_t flags = 0;
  uint32_t mem_lower = 0;  // KiB from 0
  uint32_t mem_upper = 0;  // KiB from 1 MiB
  uint32_t boot_device = 0;
  uint32_t cmdline = 0;
  uint32_t mods_count = 0;
  uint32_t mods_addr = 0;
  uint32_t syms[4] = {};
  uint32_t mmap_length = 0;
  uint32_t mmap_addr = 0;
  uint32_t drives_length = 0;
  uint32_t drives_addr = 0;
  uint32_t config_table = 0;
  uint32_t boot_loader_name = 0;
  uint32_t apm_table = 0;
  uint32_t vbe[4] = {};
};
static_assert(sizeof(MultibootInfo) == 88);

struct MultibootModule {
  uint32_t start = 0;
  uint32_t end = 0;
  uint32_t string = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(MultibootModule) == 16);

struct __attribute__((packed)) MultibootMemoryMapEntry {
  uint32_t size = 20;  // of the rest of the entry
  uint64_t address = 0;
  uint64_t length = 0;
  uint32_t type = 0;  // as RegionType
};
static_assert(sizeof(MultibootMemoryMapEntry) == 24);

// The header in the first 8 KiB of a file, if there is one with a right checksum.
[[nodiscard]] std::optional<MultibootHeader> FindMultibootHeader(Bytes file);

[[nodiscard]] absl::StatusOr<BootPlan> PlanMultibootElf(const BootInputs& inputs,
                                                        const MultibootHeader& header,
                                                        const ElfImage& elf);

// For a file that is no ELF: its header must have load addresses.
[[nodiscard]] absl::StatusOr<BootPlan> PlanMultibootRaw(const BootInputs& inputs,
                                                        const MultibootHeader& header);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_MULTIBOOT_LOADER_H_
