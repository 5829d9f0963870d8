#include "hyperv/host/ids.h"

#include <cstdint>
#include <limits>
#include <optional>

#include "gtest/gtest.h"

namespace hvkit::hyperv {
namespace {

constexpr uint64_t kAllOnes = std::numeric_limits<uint64_t>::max();

TEST(GpaTest, SplitsIntoPageAndOffset) {
  constexpr Gpa address(0x12345678);
  EXPECT_EQ(address.Page().value(), 0x12345u);
  EXPECT_EQ(address.PageOffset(), 0x678u);
}

TEST(GpaTest, LastAddressBelongsToLastPage) {
  EXPECT_EQ(Gpa(kAllOnes).Page().value(), Gpn::kMax);
  EXPECT_EQ(Gpa(kAllOnes).BytesToPageEnd(), 1u);
}

TEST(GpaTest, PlusReachesLastAddress) {
  EXPECT_EQ(Gpa(kAllOnes - 1).Plus(1), std::optional(Gpa(kAllOnes)));
}

TEST(GpaTest, PlusPastLastAddressIsNothing) {
  EXPECT_EQ(Gpa(kAllOnes).Plus(1), std::nullopt);
  EXPECT_EQ(Gpa(1).Plus(kAllOnes), std::nullopt);
}

TEST(GpaTest, RangeUpToPageEndFits) {
  EXPECT_TRUE(Gpa(0xFF8).FitsInPage(8));
  EXPECT_TRUE(Gpa(0x1000).FitsInPage(kPageSize));
}

TEST(GpaTest, RangeOverPageEndDoesNotFit) {
  EXPECT_FALSE(Gpa(0xFF9).FitsInPage(8));
  EXPECT_FALSE(Gpa(0).FitsInPage(std::numeric_limits<size_t>::max()));
}

TEST(GpaTest, EmptyRangeFitsAnywhere) { EXPECT_TRUE(Gpa(0xFFF).FitsInPage(0)); }

TEST(GpaTest, AlignmentLooksAtLowBits) {
  EXPECT_TRUE(Gpa(0x1008).IsAligned(8));
  EXPECT_FALSE(Gpa(0x1004).IsAligned(8));
}

TEST(GpnTest, RoundTripsThroughFirstByte) {
  const std::optional<Gpn> last = Gpn::FromGuest(Gpn::kMax);
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->FirstByte().value(), kAllOnes << kPageShift);
  EXPECT_EQ(last->FirstByte().Page(), *last);
}

TEST(GpnTest, NumberBeyondLastPageIsRefused) {
  EXPECT_EQ(Gpn::FromGuest(Gpn::kMax + 1), std::nullopt);
  EXPECT_EQ(Gpn::FromGuest(kAllOnes), std::nullopt);
}

TEST(VpIndexTest, SelfAndAnyAreNotIndices) {
  EXPECT_EQ(VpIndex::FromGuest(0xFFFFFFFE), std::nullopt);
  EXPECT_EQ(VpIndex::FromGuest(0xFFFFFFFF), std::nullopt);
}

TEST(VpIndexTest, HighHalfIsNotDropped) {
  EXPECT_EQ(VpIndex::FromGuest(uint64_t{1} << 32), std::nullopt);
}

TEST(VpIndexTest, LargestIndexIsAccepted) {
  EXPECT_EQ(VpIndex::FromGuest(VpIndex::kMax), std::optional(VpIndex(VpIndex::kMax)));
}

TEST(VectorTest, AcceptsEightBits) {
  EXPECT_EQ(Vector::FromGuest(0xFF), std::optional(Vector(0xFF)));
  EXPECT_EQ(Vector::FromGuest(0x100), std::nullopt);
}

TEST(SintIndexTest, AcceptsSixteenSources) {
  const std::optional<SintIndex> last = SintIndex::FromGuest(15);
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(*last, SintIndex::Of<15>());
  EXPECT_EQ(SintIndex::FromGuest(16), std::nullopt);
  EXPECT_EQ(SintIndex::FromGuest(kAllOnes), std::nullopt);
}

}  // namespace
}  // namespace hvkit::hyperv
