#include "vmm/memory_map.h"

#include <gtest/gtest.h>

namespace hvkit::vmm {
namespace {

TEST(MemoryMapTest, SmallGuestHasRamBelowThePciHoleOnly) {
  EXPECT_EQ(MakeMemoryMap(0x20000000), (MemoryMap{{0, 0x9fc00, RegionType::kRam},
                                                  {0x9fc00, 0x400, RegionType::kReserved},
                                                  {0xe0000, 0x20000, RegionType::kReserved},
                                                  {0x100000, 0x1ff00000, RegionType::kRam}}));
}

TEST(MemoryMapTest, RestOfALargeGuestIsAboveFourGiB) {
  const MemoryMap map = MakeMemoryMap(uint64_t{8} << 30);
  ASSERT_EQ(map.size(), 5u);
  EXPECT_EQ(map[3].end(), uint64_t{3} << 30);
  EXPECT_EQ(map[4], (MemoryRegion{uint64_t{4} << 30, uint64_t{5} << 30, RegionType::kRam}));
}

TEST(MemoryMapTest, ExactlyThreeGiBNeedsNoHighRam) {
  EXPECT_EQ(MakeMemoryMap(uint64_t{3} << 30).size(), 4u);
}

TEST(MemoryMapTest, LowMemoryEndIgnoresHighRam) {
  EXPECT_EQ(LowMemoryEnd(MakeMemoryMap(uint64_t{8} << 30)), uint64_t{3} << 30);
  EXPECT_EQ(LowMemoryEnd(MakeMemoryMap(0x20000000)), 0x20000000u);
}

}  // namespace
}  // namespace hvkit::vmm
