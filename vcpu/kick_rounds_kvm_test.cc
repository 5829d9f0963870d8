// That wakeup_benchmark can run its kicks. How long they take is not tested.
#include "vcpu/kick_rounds.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/benchmarks/paired_samples.h"
#include "testing/status_matchers.h"

namespace hvkit::vcpu {
namespace {

using ::testing::Gt;

TEST(KickRoundsKvmTest, BothKicksMakeTheVcpuLeaveItsGuest) {
  const benchmarks::RoundCounts counts{.passes = 1, .rounds = 3, .operations = 2};
  ASSERT_OK_AND_ASSIGN(const benchmarks::PairedSummary summary, RunKickRounds(counts));
  EXPECT_THAT(summary.median.raw_ns, Gt(0));
  EXPECT_THAT(summary.median.ours_ns, Gt(0));
}

}  // namespace
}  // namespace hvkit::vcpu
