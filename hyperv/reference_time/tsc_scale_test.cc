#include "hyperv/reference_time/tsc_scale.h"

#include <cstdint>
#include <limits>
#include <optional>

#include "gtest/gtest.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"

namespace hvkit::hyperv {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kHz = RefDuration::kTicksPerSecond;

class TscFrequencyTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  // The time to be shown, by division.
  static uint64_t Exact(uint64_t tsc) {
    return static_cast<uint64_t>(Wide{tsc} * kHz / GetParam());
  }
};

TEST_P(TscFrequencyTest, ScaleIsTheQuotientRoundedDown) {
  const std::optional<uint64_t> scale = ScaleOfTsc(GetParam());
  ASSERT_TRUE(scale.has_value());
  const Wide dividend = Wide{kHz} << 64;
  EXPECT_TRUE(Wide{*scale} * GetParam() <= dividend);
  EXPECT_TRUE(dividend - Wide{*scale} * GetParam() < GetParam());
}

TEST_P(TscFrequencyTest, TimeIsLateByAtMostOneUnitAtAnyCount) {
  const std::optional<TscParameters> tsc = ParametersOfTsc(GetParam(), 0, RefTime(0));
  ASSERT_TRUE(tsc.has_value());
  for (const uint64_t count :
       {uint64_t{0}, uint64_t{1}, GetParam() / 3, GetParam(), kMax / 7, kMax / 2 + 1, kMax}) {
    const uint64_t shown = ReferenceTimeAt(count, *tsc).ticks();
    EXPECT_LE(shown, Exact(count)) << count;
    EXPECT_GE(shown + 1, Exact(count)) << count;
  }
}

TEST_P(TscFrequencyTest, NewParametersGoOnWhereTheOldOnesStopped) {
  const RefTime change(123'456'789'012);
  for (const uint64_t count : {uint64_t{0}, uint64_t{987'654'321'098'765}, kMax}) {
    const std::optional<TscParameters> tsc = ParametersOfTsc(GetParam(), count, change);
    ASSERT_TRUE(tsc.has_value());
    EXPECT_EQ(ReferenceTimeAt(count, *tsc), change) << count;
  }
}

INSTANTIATE_TEST_SUITE_P(Frequencies, TscFrequencyTest,
                         ::testing::Values(10'000'001, 24'000'000, 999'999'937, 2'000'000'000,
                                           2'419'200'000, 3'300'000'017, 5'000'000'000,
                                           uint64_t{1} << 63, kMax));

TEST(TscScaleTest, FrequencyThatDividesGivesAnExactScale) {
  EXPECT_EQ(ScaleOfTsc(2'560'000'000), uint64_t{1} << 56);
  EXPECT_EQ(ScaleOfTsc(20'000'000), uint64_t{1} << 63);
}

TEST(TscScaleTest, TscNoFasterThanReferenceTimeHasNoScale) {
  for (const uint64_t hz : {uint64_t{0}, uint64_t{1}, uint64_t{9'999'999}, kHz}) {
    EXPECT_EQ(ScaleOfTsc(hz), std::nullopt) << hz;
    EXPECT_EQ(ParametersOfTsc(hz, 5, RefTime(5)), std::nullopt) << hz;
  }
}

TEST(TscScaleTest, OffsetMayBeNegative) {
  const TscParameters half{.scale = uint64_t{1} << 63, .offset = uint64_t{0} - 10};
  EXPECT_EQ(ReferenceTimeAt(100, half), RefTime(40));
}

TEST(TscScaleTest, ProductKeepsItsUpperHalf) {
  const TscParameters widest{.scale = kMax, .offset = 0};
  EXPECT_EQ(ReferenceTimeAt(kMax, widest), RefTime(kMax - 1));
}

}  // namespace
}  // namespace hvkit::hyperv
