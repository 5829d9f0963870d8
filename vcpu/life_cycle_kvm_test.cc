// That life_cycle_benchmark can run all that it measures. How long anything takes is not tested.
#include "vcpu/life_cycle.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/benchmarks/paired_samples.h"
#include "testing/status_matchers.h"
#include "vcpu/life_steps.h"
#include "vcpu/raw_life.h"

namespace hvkit::vcpu {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::Each;
using ::testing::Ge;
using ::testing::Gt;
using ::testing::HasSubstr;

constexpr benchmarks::RoundCounts kOneRound{.passes = 1, .rounds = 1, .operations = 1};

absl::StatusOr<LifeTimes> StillBorn() { return absl::InternalError("still born"); }

TEST(LifeCycleKvmTest, BothSidesLiveThroughAllSteps) {
  ASSERT_OK_AND_ASSIGN(const LifeSummaries summaries, RunLifeRounds(kOneRound, RawLife, OurLife));
  for (const benchmarks::PairedSummary& summary : summaries) {
    EXPECT_THAT(summary.median.raw_ns, Gt(0));
    EXPECT_THAT(summary.median.ours_ns, Gt(0));
  }
}

TEST(LifeCycleKvmTest, ALifeThatFailsIsAnError) {
  EXPECT_THAT(RunLifeRounds(kOneRound, StillBorn, OurLife).status(),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("still born")));
  EXPECT_THAT(RunLifeRounds(kOneRound, RawLife, StillBorn).status(),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("still born")));
}

TEST(LifeCycleKvmTest, TheTimeUntilTheFirstExitHoldsAllStepsBeforeIt) {
  ASSERT_OK_AND_ASSIGN(const LifeTimes times, OurLife());
  EXPECT_THAT(times, Each(Ge(0)));
  double sum = 0;
  for (size_t i = 0; i < static_cast<size_t>(LifeStep::kUntilFirstExit); ++i) sum += times[i];
  EXPECT_THAT(times[static_cast<size_t>(LifeStep::kUntilFirstExit)], Ge(sum));
}

}  // namespace
}  // namespace hvkit::vcpu
