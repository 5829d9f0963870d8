// The guest's physical memory as its firmware tables describe it: which addresses are RAM and which
// are reserved. One function makes the map; the RAM slots and every boot protocol's own table
// derive from it.
#ifndef HVKIT_VMM_MEMORY_MAP_H_
#define HVKIT_VMM_MEMORY_MAP_H_

#include <cstdint>
#include <vector>

namespace hvkit::vmm {

inline constexpr uint64_t kLowRamEnd = 0x9fc00;  // the extended BIOS data area begins
inline constexpr uint64_t kVgaHole = 0xa0000;    // no RAM that a guest may use up to kBiosArea
inline constexpr uint64_t kBiosArea = 0xe0000;   // ACPI tables live here
inline constexpr uint64_t kHighRamStart = 0x100000;
inline constexpr uint64_t kPciHoleStart = uint64_t{3} << 30;
inline constexpr uint64_t kRamAbove4G = uint64_t{4} << 30;

// The numbers are those of the e820 interface.
enum class RegionType : uint32_t { kRam = 1, kReserved = 2 };

struct MemoryRegion {
  uint64_t start = 0;
  uint64_t size = 0;
  RegionType type = RegionType::kRam;

  uint64_t end() const { return start + size; }
  friend bool operator==(const MemoryRegion&, const MemoryRegion&) = default;
};

using MemoryMap = std::vector<MemoryRegion>;

// The map of a guest with `memory_bytes` of RAM, more than kHighRamStart: sorted, no overlaps.
[[nodiscard]] MemoryMap MakeMemoryMap(uint64_t memory_bytes);

// Where RAM below the PCI hole ends.
[[nodiscard]] uint64_t LowMemoryEnd(const MemoryMap& map);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_MEMORY_MAP_H_
