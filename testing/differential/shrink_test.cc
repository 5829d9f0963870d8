#include "testing/differential/shrink.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/differential/program.h"

namespace hvkit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

Program Numbered(uint64_t count) {
  Program program(count);
  for (uint64_t i = 0; i < count; ++i) {
    program[i].kind = StepKind::kSettle;
    program[i].value = i;
  }
  return program;
}

std::vector<uint64_t> Numbers(const Program& program) {
  std::vector<uint64_t> numbers;
  for (const Step& step : program) numbers.push_back(step.value);
  return numbers;
}

// Shows it as long as all these steps are there.
ShowsIt NeedsAll(std::vector<uint64_t> needed) {
  return [needed = std::move(needed)](const std::vector<Program>& candidates) {
    std::vector<bool> shows;
    for (const Program& candidate : candidates) {
      shows.push_back(std::ranges::all_of(needed, [&](uint64_t number) {
        return std::ranges::count(candidate, number, &Step::value) == 1;
      }));
    }
    return shows;
  };
}

TEST(ShrinkTest, KeepsOnlyWhatIsNeeded) {
  EXPECT_THAT(Numbers(Shrink(Numbered(200), NeedsAll({3, 77, 199}))), ElementsAre(3, 77, 199));
}

TEST(ShrinkTest, SingleStepIsFoundAnywhere) {
  for (uint64_t step = 0; step < 13; ++step) {
    EXPECT_THAT(Numbers(Shrink(Numbered(13), NeedsAll({step}))), ElementsAre(step));
  }
}

TEST(ShrinkTest, ProgramThatNeedsAllStaysWhole) {
  EXPECT_THAT(Shrink(Numbered(5), NeedsAll({0, 1, 2, 3, 4})), SizeIs(5));
}

TEST(ShrinkTest, BarrierBetweenNeededStepsStays) {
  Program program = Numbered(20);
  program[10].kind = StepKind::kBarrier;
  EXPECT_THAT(Numbers(Shrink(program, NeedsAll({3, 17}))), ElementsAre(3, 10, 17));
}

TEST(ShrinkTest, BarrierBeforeAllStepsGoes) {
  Program program = Numbered(20);
  program[10].kind = StepKind::kBarrier;
  EXPECT_THAT(Numbers(Shrink(program, NeedsAll({17}))), ElementsAre(17));
}

TEST(ShrinkTest, OracleThatNoLongerShowsItLeavesTheProgram) {
  const ShowsIt never = [](const std::vector<Program>& candidates) {
    return std::vector<bool>(candidates.size());
  };
  EXPECT_THAT(Shrink(Numbered(9), never), SizeIs(9));
}

}  // namespace
}  // namespace hvkit::testing
