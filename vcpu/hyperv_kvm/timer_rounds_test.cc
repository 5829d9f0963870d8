// That wakeup_benchmark can run its timers. How long they take is not tested.
#include "vcpu/hyperv_kvm/timer_rounds.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/benchmarks/paired_samples.h"
#include "testing/status_matchers.h"

namespace hvkit::vcpu {
namespace {

using ::testing::Ge;
using ::testing::Gt;

constexpr benchmarks::RoundCounts kCounts{.passes = 1, .rounds = 3, .operations = 2};

TEST(TimerRoundsTest, BothSidesSetTheirTimers) {
  ASSERT_OK_AND_ASSIGN(const benchmarks::PairedSummary summary, RunArmRounds(kCounts));
  EXPECT_THAT(summary.median.raw_ns, Gt(0));
  EXPECT_THAT(summary.median.ours_ns, Gt(0));
}

TEST(TimerRoundsTest, NoDeadlineIsToldTooEarly) {
  ASSERT_OK_AND_ASSIGN(const benchmarks::PairedSummary summary, RunLatenessRounds(kCounts));
  EXPECT_THAT(summary.median.raw_ns, Ge(0));
  EXPECT_THAT(summary.median.ours_ns, Ge(0));
}

}  // namespace
}  // namespace hvkit::vcpu
