#include "vmm/memory_map.h"

#include <algorithm>

namespace hvkit::vmm {

MemoryMap MakeMemoryMap(uint64_t memory_bytes) {
  const uint64_t low_end = std::min(memory_bytes, kPciHoleStart);
  MemoryMap map = {
      {0, kLowRamEnd, RegionType::kRam},
      {kLowRamEnd, kVgaHole - kLowRamEnd, RegionType::kReserved},
      {kBiosArea, kHighRamStart - kBiosArea, RegionType::kReserved},
      {kHighRamStart, low_end - kHighRamStart, RegionType::kRam},
  };
  if (memory_bytes > kPciHoleStart) {
    map.push_back({kRamAbove4G, memory_bytes - kPciHoleStart, RegionType::kRam});
  }
  return map;
}

uint64_t LowMemoryEnd(const MemoryMap& map) {
  uint64_t end = 0;
  for (const MemoryRegion& region : map) {
    if (region.type == RegionType::kRam && region.end() <= kPciHoleStart) {
      end = std::max(end, region.end());
    }
  }
  return end;
}

}  // namespace hvkit::vmm
