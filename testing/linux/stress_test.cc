#include "testing/linux/stress.h"

#include <chrono>

#include "gtest/gtest.h"

namespace hvkit::testing {
namespace {

TEST(StressTest, WorkingMachineStandsItAndEachKindOfWorkIsDone) {
  const StressResult result = RunStress(std::chrono::milliseconds(300));
  EXPECT_EQ(result.failure, "");
  EXPECT_GT(result.remaps, 0u);
  EXPECT_GT(result.reads, 0u);
  EXPECT_GT(result.migrations, 0u);
  EXPECT_GT(result.barriers, 0u);
  EXPECT_GT(result.handovers, 0u);
  EXPECT_GT(result.ticks, 0u);
}

}  // namespace
}  // namespace hvkit::testing
