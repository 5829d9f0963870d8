// Checks what a PVH loader hands over. The VMM is started with 128 MiB and the command line word
// `number=42`.

#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/report.h"

namespace hvkit::guest {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kMemory = 128 * kMiB;

uint64_t RamFrom(const PvhInfo& info, uint64_t start) {
  const auto* regions = AtAddress<PvhRegion>(info.map);
  for (uint32_t i = 0; i < info.map_entries; ++i) {
    const PvhRegion& region = regions[i];
    if (region.type == kRegionRam && region.base <= start && start < region.base + region.length) {
      return region.base + region.length - start;
    }
  }
  return 0;
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  Check(boot.address != 0, "EBX has an address");
  const auto& info = *AtAddress<PvhInfo>(boot.address);
  CheckEqual(info.magic, kPvhMagic, "the start info has its magic");
  Check(info.version >= 1, "the start info has a memory map");
  CheckEqual(CmdlineNumber(boot, "number=", 0), 42, "the command line has its number");
  CheckEqual(RamFrom(info, kMiB), kMemory - kMiB, "the map has RAM from 1 MiB to its end");
  CheckEqual(RamFrom(info, 0xa0000), 0, "the map has no RAM at the video memory");
}

}  // namespace hvkit::guest
