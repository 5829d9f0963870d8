#include "vcpu/hyperv_kvm/tsc_clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <thread>

#include "hyperv/reference_time/tsc_scale.h"
#include "testing/contracts/reference_clock_contract.h"

namespace hvkit::vcpu {
namespace {

using hyperv::RefTime;
using hyperv::TscParameters;
using hyperv::VpIndex;
using ::testing::Eq;
using ::testing::Optional;

constexpr uint64_t kScale = uint64_t{1} << 60;  // 16 ticks of the TSC are one unit
constexpr uint64_t kTicksPerUnit = 16;
constexpr uint64_t kStart = 1'000'003;
constexpr uint64_t kOffset = uint64_t{0} - 900'000;  // the guest's TSC began later than the host's

std::atomic<uint64_t> host_tsc;
uint64_t FakeTsc() { return host_tsc; }

uint64_t TimeOnPage(const TscParameters& page, uint64_t guest_tsc) {
  return hyperv::ReferenceTimeAt(guest_tsc, page).ticks();
}

class TscClockTest : public ::testing::Test {
 protected:
  static void PassUnits(uint64_t units) { host_tsc += units * kTicksPerUnit; }
  std::optional<TscParameters> Page() const { return clock_.InvariantTsc(); }

  bool stable_ = true;
  const uint64_t start_ = host_tsc = kStart;  // before the clock reads it
  TscClock clock_{kScale, {kOffset, kOffset}, [this] { return stable_; }, FakeTsc};
};

TEST_F(TscClockTest, TimeStartsAtZero) { EXPECT_EQ(clock_.Now(), RefTime(0)); }

TEST_F(TscClockTest, TimeFollowsTheTsc) {
  PassUnits(12345);
  EXPECT_EQ(clock_.Now(), RefTime(12345));
}

TEST_F(TscClockTest, GuestComputesTheSameTime) {
  ASSERT_TRUE(Page().has_value());
  for (int i = 0; i < 1000; ++i) {
    host_tsc += 7;
    EXPECT_EQ(RefTime(TimeOnPage(*Page(), host_tsc + kOffset)), clock_.Now());
  }
}

TEST_F(TscClockTest, UnstableTscHasNoParameters) {
  stable_ = false;
  EXPECT_EQ(Page(), std::nullopt);
}

TEST_F(TscClockTest, StabilityIsAskedUntilItIsThere) {
  stable_ = false;
  EXPECT_EQ(Page(), std::nullopt);
  stable_ = true;
  EXPECT_NE(Page(), std::nullopt);
  stable_ = false;
  EXPECT_NE(Page(), std::nullopt);
}

TEST_F(TscClockTest, UnstableTscThatStepsBackDoesNotTakeTimeBack) {
  stable_ = false;
  EXPECT_EQ(Page(), std::nullopt);
  PassUnits(100);
  EXPECT_EQ(clock_.Now(), RefTime(100));
  host_tsc -= 50 * kTicksPerUnit;
  EXPECT_EQ(clock_.Now(), RefTime(100));
}

TEST_F(TscClockTest, MovingOneVpTakesTheParametersAway) {
  EXPECT_TRUE(clock_.MoveTsc(VpIndex(1), 0));
  EXPECT_EQ(Page(), std::nullopt);
}

TEST_F(TscClockTest, MovingTheSecondVpOnceMoreNeedsNoNewPage) {
  EXPECT_TRUE(clock_.MoveTsc(VpIndex(1), 0));
  EXPECT_FALSE(clock_.MoveTsc(VpIndex(1), 1));
}

TEST_F(TscClockTest, MoveToTheSameOffsetNeedsNoNewPage) {
  EXPECT_FALSE(clock_.MoveTsc(VpIndex(1), kOffset));
}

TEST_F(TscClockTest, UnknownVpIsIgnored) {
  EXPECT_FALSE(clock_.MoveTsc(VpIndex(2), 0));
  EXPECT_NE(Page(), std::nullopt);
}

TEST_F(TscClockTest, MovingAllVpsGivesNewParametersAndTimeGoesOn) {
  const std::optional<TscParameters> before = Page();
  PassUnits(100);
  EXPECT_TRUE(clock_.MoveTsc(VpIndex(0), 5));
  EXPECT_TRUE(clock_.MoveTsc(VpIndex(1), 5));
  EXPECT_NE(Page(), before);
  EXPECT_EQ(clock_.Now(), RefTime(101));
  EXPECT_EQ(TimeOnPage(*Page(), host_tsc + 5), 101u);
}

TEST_F(TscClockTest, MovingBackRestoresTheParameters) {
  const std::optional<TscParameters> before = Page();
  EXPECT_TRUE(clock_.MoveTsc(VpIndex(1), 5));
  EXPECT_TRUE(clock_.MoveTsc(VpIndex(1), kOffset));
  EXPECT_EQ(Page(), before);
}

TEST_F(TscClockTest, TimeNeverStepsBackThroughMoves) {
  RefTime last = clock_.Now();
  for (uint64_t i = 0; i < 1000; ++i) {
    host_tsc += i % 3;
    (void)clock_.MoveTsc(VpIndex(0), i * 7);
    (void)clock_.MoveTsc(VpIndex(1), i * 7);
    EXPECT_GE(clock_.Now(), last);
    last = clock_.Now();
  }
}

TEST_F(TscClockTest, FrozenTimeStandsStill) {
  PassUnits(10);
  clock_.Freeze();
  PassUnits(1000);
  EXPECT_EQ(clock_.Now(), RefTime(10));
  EXPECT_EQ(Page(), std::nullopt);
}

TEST_F(TscClockTest, ThawedTimeGoesOnWhereItStood) {
  PassUnits(10);
  clock_.Freeze();
  PassUnits(1000);
  clock_.Thaw();
  EXPECT_EQ(clock_.Now(), RefTime(10));
  PassUnits(5);
  EXPECT_EQ(clock_.Now(), RefTime(15));
  EXPECT_EQ(TimeOnPage(*Page(), host_tsc + kOffset), 15u);
}

TEST_F(TscClockTest, SecondFreezeKeepsTheTime) {
  clock_.Freeze();
  PassUnits(10);
  clock_.Freeze();
  EXPECT_EQ(clock_.Now(), RefTime(0));
}

TEST_F(TscClockTest, ThawWithoutFreezeChangesNothing) {
  PassUnits(10);
  const std::optional<TscParameters> before = Page();
  clock_.Thaw();
  EXPECT_EQ(Page(), before);
}

TEST_F(TscClockTest, MoveWhileFrozenLeavesTimeStanding) {
  clock_.Freeze();
  EXPECT_TRUE(clock_.MoveTsc(VpIndex(0), 5));
  EXPECT_TRUE(clock_.MoveTsc(VpIndex(1), 5));
  PassUnits(10);
  EXPECT_EQ(clock_.Now(), RefTime(0));
  clock_.Thaw();
  EXPECT_EQ(clock_.Now(), RefTime(0));
}

TEST_F(TscClockTest, ReadersSeeNoMixtureOfParameters) {
  ASSERT_NE(Page(), std::nullopt);
  PassUnits(1'000'000);
  std::atomic<bool> done{false};
  RefTime last(0);
  std::thread reader([&] {
    while (!done) {
      const RefTime now = clock_.Now();
      EXPECT_GE(now, last);
      last = now;
    }
  });
  constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max() / 4;
  for (uint64_t i = 0; i < 20'000; ++i) {
    (void)clock_.MoveTsc(VpIndex(0), i % 2 * kHuge);
    (void)clock_.MoveTsc(VpIndex(1), i % 2 * kHuge);
  }
  done = true;
  reader.join();
  EXPECT_LT(last, RefTime(1'100'000));
}

// Over the processor's own TSC.
template <bool kStable>
class Harness {
 public:
  static constexpr bool kHasInvariantTsc = kStable;

  const hyperv::ReferenceClock& clock() { return clock_; }
  uint64_t GuestTsc() { return ReadHostTsc() + kOffset; }
  void PassTime() {
    const uint64_t end = ReadHostTsc() + 2 * kTicksPerUnit;
    while (ReadHostTsc() < end) {
    }
  }
  void Pause() { clock_.Freeze(); }
  void Resume() { clock_.Thaw(); }

 private:
  TscClock clock_{kScale, {kOffset}, [] { return kStable; }};
};

}  // namespace
}  // namespace hvkit::vcpu

namespace hvkit::testing {

using TscClocks = ::testing::Types<vcpu::Harness<true>, vcpu::Harness<false>>;
INSTANTIATE_TYPED_TEST_SUITE_P(TscClock, ReferenceClockContract, TscClocks);

}  // namespace hvkit::testing

namespace hvkit::vcpu {
namespace {

TEST(ReadHostTscTest, CountsUp) {
  const uint64_t first = ReadHostTsc();
  EXPECT_GE(ReadHostTsc(), first);
}

}  // namespace
}  // namespace hvkit::vcpu
