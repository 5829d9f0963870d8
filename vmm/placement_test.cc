#include "vmm/placement.h"

#include <gtest/gtest.h>

namespace hvkit::vmm {
namespace {

constexpr uint64_t kMemory = uint64_t{16} << 20;
using Refusal = Placement::Refusal;

Placement SmallGuest() { return Placement(MakeMemoryMap(kMemory)); }

TEST(PlacementTest, SmallThingsBeginAt64KiB) {
  Placement placement = SmallGuest();
  EXPECT_EQ(placement.PlaceSmall(100, 16), 0x10000u);
  EXPECT_EQ(placement.PlaceSmall(0x1000, 0x1000), 0x11000u);
  EXPECT_EQ(placement.PlaceSmall(16, 16), 0x10070u);
}

TEST(PlacementTest, SmallThingsStayBelowTheEbdaAndThenGoAboveOneMiB) {
  Placement placement = SmallGuest();
  EXPECT_EQ(placement.PlaceSmall(0x8f000, 1), 0x10000u);
  EXPECT_EQ(placement.PlaceSmall(1, 1), 0x100000u);
}

TEST(PlacementTest, SmallThingsAvoidTheImage) {
  Placement placement = SmallGuest();
  ASSERT_EQ(placement.Take(0x10000, 0x8f000), Refusal::kNone);
  ASSERT_EQ(placement.Take(0x100000, 0x5001), Refusal::kNone);
  EXPECT_EQ(placement.PlaceSmall(16, 0x1000), 0x106000u);
}

TEST(PlacementTest, ImageMayTakeLowMemory) {
  Placement placement = SmallGuest();
  EXPECT_EQ(placement.Take(0, 0x9fc00), Refusal::kNone);
}

TEST(PlacementTest, ImageMayTakeRamAboveFourGiB) {
  Placement placement(MakeMemoryMap(uint64_t{4} << 30));
  EXPECT_EQ(placement.Take(kRamAbove4G, uint64_t{1} << 30), Refusal::kNone);
}

TEST(PlacementTest, ImageOutsideRamIsRefused) {
  Placement placement = SmallGuest();
  EXPECT_EQ(placement.Take(0x9fc00, 1), Refusal::kNotRam);
  EXPECT_EQ(placement.Take(0xe0000, 0x1000), Refusal::kNotRam);
  EXPECT_EQ(placement.Take(0x90000, 0x80000), Refusal::kNotRam);
  EXPECT_EQ(placement.Take(kMemory - 1, 2), Refusal::kNotRam);
  EXPECT_EQ(placement.Take(UINT64_MAX, 2), Refusal::kNotRam);
  EXPECT_EQ(placement.Take(0x100000, UINT64_MAX), Refusal::kNotRam);
}

TEST(PlacementTest, OverlappingImagePartsAreRefused) {
  Placement placement = SmallGuest();
  ASSERT_EQ(placement.Take(0x100000, 0x1000), Refusal::kNone);
  EXPECT_EQ(placement.Take(0x100fff, 1), Refusal::kTaken);
  EXPECT_EQ(placement.Take(0x101000, 1), Refusal::kNone);
}

TEST(PlacementTest, NothingTakesNothing) {
  Placement placement = SmallGuest();
  EXPECT_EQ(placement.Take(UINT64_MAX, 0), Refusal::kNone);
}

TEST(PlacementTest, HighPlacesEndAtTheLimit) {
  Placement placement = SmallGuest();
  EXPECT_EQ(placement.PlaceHigh(0x1001, 0x1000, UINT64_MAX), kMemory - 0x2000);
  EXPECT_EQ(placement.PlaceHigh(0x1000, 0x1000, 0x400000), 0x3ff000u);
}

TEST(PlacementTest, HighPlacesSkipWhatIsTaken) {
  Placement placement = SmallGuest();
  ASSERT_EQ(placement.Take(kMemory - 0x100000, 0x80000), Refusal::kNone);
  EXPECT_EQ(placement.PlaceHigh(0x90000, 0x1000, UINT64_MAX), kMemory - 0x190000);
}

TEST(PlacementTest, WhatDoesNotFitHasNoPlace) {
  Placement placement = SmallGuest();
  EXPECT_EQ(placement.PlaceHigh(kMemory, 0x1000, UINT64_MAX), std::nullopt);
  EXPECT_EQ(placement.PlaceLow(kMemory, 0x1000, 0), std::nullopt);
  EXPECT_EQ(placement.PlaceSmall(kMemory, 0x1000), std::nullopt);
  EXPECT_EQ(placement.PlaceLow(1, 1, kMemory), std::nullopt);
  EXPECT_EQ(placement.PlaceHigh(1, 1, 0x100000), std::nullopt);
}

TEST(PlacementTest, LowPlacesHonourTheFloor) {
  Placement placement = SmallGuest();
  EXPECT_EQ(placement.PlaceLow(16, 0x1000, 0x200001), 0x201000u);
  EXPECT_EQ(placement.PlaceLow(16, 0x1000, 0), 0x100000u);
}

}  // namespace
}  // namespace hvkit::vmm
