// That exit_benchmark can run all that it measures. How long anything takes is not tested.
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/benchmarks/paired_samples.h"
#include "testing/status_matchers.h"
#include "vcpu/hyperv_kvm/exit_rounds.h"
#include "vcpu/hyperv_kvm/exit_scenarios.h"
#include "vcpu/hyperv_kvm/raw_exit_loops.h"

namespace hvkit::vcpu {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::Gt;
using ::testing::HasSubstr;

class ExitScenarioKvmTest : public ::testing::TestWithParam<ExitScenario> {};

INSTANTIATE_TEST_SUITE_P(All, ExitScenarioKvmTest, ::testing::ValuesIn(ExitScenarios()),
                         [](const auto& instance) {
                           return absl::StrReplaceAll(instance.param.name,
                                                      {{":", "_"}, {" ", "_"}, {"+", "and"}});
                         });

TEST_P(ExitScenarioKvmTest, BothLoopsRunIt) {
  const benchmarks::RoundCounts counts{.passes = 1, .rounds = 3, .operations = 5};
  ASSERT_OK_AND_ASSIGN(const benchmarks::PairedSummary summary, RunExitRounds(GetParam(), counts));
  EXPECT_THAT(summary.median.raw_ns, Gt(0));
  EXPECT_THAT(summary.median.ours_ns, Gt(0));
}

TEST_P(ExitScenarioKvmTest, AnotherExitThanTheScenariosIsAnError) {
  ExitScenario scenario = GetParam();
  scenario.raw = [](RawVcpu, size_t) { return false; };
  EXPECT_THAT(RunExitRounds(scenario, {.passes = 1, .rounds = 1, .operations = 1}).status(),
              StatusIs(absl::StatusCode::kInternal, HasSubstr(scenario.name)));
}

}  // namespace
}  // namespace hvkit::vcpu
