#include "hyperv/host/ref_time.h"

#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace hvkit::hyperv {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

static_assert(RefTime() == RefTime(0));
static_assert(RefDuration() == RefDuration(0));
static_assert(sizeof(RefTime) == sizeof(uint64_t));

TEST(RefTimeTest, SumIsLaterByTheDuration) {
  EXPECT_EQ(RefTime(100) + RefDuration(23), RefTime(123));
  EXPECT_EQ(RefTime(100) - RefDuration(23), RefTime(77));
}

TEST(RefTimeTest, DifferenceOfTimesIsADuration) {
  EXPECT_EQ(RefTime(123) - RefTime(100), RefDuration(23));
}

TEST(RefTimeTest, ArithmeticWrapsAtTheEndOfTheCount) {
  EXPECT_EQ(RefTime(kMax) + RefDuration(2), RefTime(1));
  EXPECT_EQ(RefTime(1) - RefTime(kMax), RefDuration(2));
  EXPECT_EQ(RefDuration(kMax) + RefDuration(1), RefDuration(0));
}

TEST(RefTimeTest, OrderIsThatOfTheUnsignedCount) {
  EXPECT_LT(RefTime(1), RefTime(kMax));
  EXPECT_LT(RefDuration(1), RefDuration(kMax));
}

TEST(RefTimeTest, RemainderIsWhatWholePeriodsLeave) {
  EXPECT_EQ((RefTime(1070) - RefTime(1000)) % RefDuration(20), RefDuration(10));
}

TEST(RefDurationTest, SecondHasTenMillionTicks) {
  EXPECT_EQ(RefDuration(RefDuration::kTicksPerSecond).ticks(), 10'000'000u);
}

}  // namespace
}  // namespace hvkit::hyperv
