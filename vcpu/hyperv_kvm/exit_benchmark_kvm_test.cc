// That exit_benchmark can run all that it measures, and how its samples are summed up. How long
// anything takes is not tested.
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/status_matchers.h"
#include "vcpu/hyperv_kvm/exit_rounds.h"
#include "vcpu/hyperv_kvm/exit_samples.h"
#include "vcpu/hyperv_kvm/exit_scenarios.h"
#include "vcpu/hyperv_kvm/raw_exit_loops.h"

namespace hvkit::vcpu {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::DoubleEq;
using ::testing::Gt;
using ::testing::HasSubstr;

class ExitScenarioKvmTest : public ::testing::TestWithParam<ExitScenario> {};

INSTANTIATE_TEST_SUITE_P(All, ExitScenarioKvmTest, ::testing::ValuesIn(ExitScenarios()),
                         [](const auto& instance) {
                           return absl::StrReplaceAll(instance.param.name, {{":", "_"}});
                         });

TEST_P(ExitScenarioKvmTest, BothLoopsRunIt) {
  const RoundCounts counts{.passes = 1, .rounds = 3, .exits = 5};
  ASSERT_OK_AND_ASSIGN(const ExitSummary summary, RunExitRounds(GetParam(), counts));
  EXPECT_THAT(summary.raw_ns, Gt(0));
  EXPECT_THAT(summary.ours_ns, Gt(0));
}

TEST_P(ExitScenarioKvmTest, AnotherExitThanTheScenariosIsAnError) {
  ExitScenario scenario = GetParam();
  scenario.raw = [](RawVcpu, size_t) { return false; };
  EXPECT_THAT(RunExitRounds(scenario, {.passes = 1, .rounds = 1, .exits = 1}).status(),
              StatusIs(absl::StatusCode::kInternal, HasSubstr(scenario.name)));
}

TEST(ExitSamplesTest, EachLoopHasEachPlaceInARound) {
  EXPECT_EQ(LoopOfStep(0), Loop::kRaw);
  EXPECT_EQ(LoopOfStep(1), Loop::kOurs);
  EXPECT_EQ(LoopOfStep(2), Loop::kRawAgain);
  EXPECT_EQ(LoopOfStep(3), Loop::kOurs);
  EXPECT_EQ(LoopOfStep(5), Loop::kRaw);
  EXPECT_EQ(LoopOfStep(6), Loop::kRawAgain);
}

TEST(ExitSamplesTest, RatiosAreOfTheSameRound) {
  ExitSamples samples({.passes = 1, .rounds = 3});
  for (const double slowness : {1.0, 10.0, 3.0}) {
    samples.Record(Loop::kRaw, 100 * slowness);
    samples.Record(Loop::kOurs, 110 * slowness);
    samples.Record(Loop::kRawAgain, 90 * slowness);
  }
  const ExitSummary summary = samples.Summarize();
  EXPECT_THAT(summary.raw_ns, DoubleEq(300));
  EXPECT_THAT(summary.ours_ns, DoubleEq(330));
  EXPECT_THAT(summary.ours.median, DoubleEq(1.1));
  EXPECT_THAT(summary.again.median, DoubleEq(0.9));
}

TEST(ExitSamplesTest, RangeIsThatOfThePasses) {
  ExitSamples samples({.passes = 3, .rounds = 1});
  for (const double ratio : {1.25, 1.5, 1.0}) {
    samples.Record(Loop::kRaw, 100);
    samples.Record(Loop::kOurs, 100 * ratio);
    samples.Record(Loop::kRawAgain, 100);
  }
  const Ratio ours = samples.Summarize().ours;
  EXPECT_THAT(ours.median, DoubleEq(1.25));
  EXPECT_THAT(ours.low, DoubleEq(1.0));
  EXPECT_THAT(ours.high, DoubleEq(1.5));
}

}  // namespace
}  // namespace hvkit::vcpu
