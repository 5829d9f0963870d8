// What a loader hands a guest, by its boot protocol. The structures are those of the Multiboot
// Specification 0.6.96 and of Xen's PVH start info, in the guest's words.

#ifndef HVKIT_TESTING_GUESTS_LIB_BOOT_INFO_H_
#define HVKIT_TESTING_GUESTS_LIB_BOOT_INFO_H_

#include <cstdint>

namespace hvkit::guest {

inline constexpr uint32_t kMultibootMagic = 0x2badb002;  // in EAX
inline constexpr uint32_t kPvhMagic = 0x336ec578;        // at the start of the structure

struct MultibootInfo {
  uint32_t flags;
  uint32_t mem_lower;
  uint32_t mem_upper;
  uint32_t boot_device;
  uint32_t cmdline;
  uint32_t modules_count;
  uint32_t modules;
  uint32_t symbols[4];
  uint32_t map_length;
  uint32_t map;
};

struct MultibootModule {
  uint32_t start;
  uint32_t end;
  uint32_t cmdline;
  uint32_t reserved;
};

struct __attribute__((packed)) MultibootRegion {
  uint32_t size;  // of what follows
  uint64_t base;
  uint64_t length;
  uint32_t type;
};

struct PvhInfo {
  uint32_t magic;
  uint32_t version;
  uint32_t flags;
  uint32_t modules_count;
  uint64_t modules;
  uint64_t cmdline;
  uint64_t rsdp;
  uint64_t map;
  uint32_t map_entries;
  uint32_t reserved;
};

struct PvhRegion {
  uint64_t base;
  uint64_t length;
  uint32_t type;
  uint32_t reserved;
};

inline constexpr uint32_t kRegionRam = 1;

// A structure of the loader at a guest-physical address.
template <typename T>
const T* AtAddress(uint64_t address) {
  return reinterpret_cast<const T*>(address);
}

struct BootInfo {
  uint32_t magic;    // EAX at entry; 0 for a plain 64-bit entry
  uint64_t address;  // EBX at entry, RSI for a plain 64-bit entry
  const char* cmdline;
};

// Finds the command line by the protocol that the entry shows; empty where there is none.
[[nodiscard]] BootInfo MakeBootInfo(uint32_t magic, uint64_t address);

// The value of the word `NAME=NUMBER` of the command line; `otherwise` if it is not there. `prefix`
// is "NAME=".
[[nodiscard]] uint64_t CmdlineNumber(const BootInfo& boot, const char* prefix, uint64_t otherwise);

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_LIB_BOOT_INFO_H_
