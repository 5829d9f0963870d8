#include "testing/differential/compare.h"

#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hyperv/tlfs/msr.h"
#include "testing/differential/generator.h"
#include "testing/differential/program.h"

namespace hvkit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kReserved = uint64_t{1} << 40;

Step Write(hyperv::tlfs::MsrIndex index, uint64_t value) {
  Step step;
  step.kind = StepKind::kWriteMsr;
  step.index = static_cast<uint32_t>(index);
  step.value = value;
  return step;
}

Record Saw(uint64_t value, uint8_t fault = 0) {
  return {.done = 1, .fault = fault, .value = value};
}

const Program kTwoCounts = {Write(hyperv::tlfs::MsrIndex::kSint0, 1),
                            Write(hyperv::tlfs::MsrIndex::kSint0, 2)};

TEST(CompareTest, SameRecordsDoNotDiffer) {
  const std::vector<Record> records = {Saw(1), Saw(2)};
  const Comparison result = Compare(kTwoCounts, records, records);
  EXPECT_FALSE(result.differs);
  EXPECT_EQ(result.compared, 2U);
}

TEST(CompareTest, OtherValueDiffersAtItsStep) {
  const Comparison result =
      Compare(kTwoCounts, std::vector{Saw(1), Saw(2)}, std::vector{Saw(1), Saw(3)});
  EXPECT_TRUE(result.differs);
  EXPECT_EQ(result.compared, 1U);
}

TEST(CompareTest, FaultOnOneSideDiffers) {
  const Comparison result =
      Compare(kTwoCounts, std::vector{Saw(0), Saw(2)}, std::vector{Saw(0, 13), Saw(2)});
  EXPECT_TRUE(result.differs);
}

TEST(CompareTest, StepThatOneSideDidNotReachDiffers) {
  const Comparison result =
      Compare(kTwoCounts, std::vector{Saw(1), Record{}}, std::vector{Saw(1), Saw(0)});
  EXPECT_TRUE(result.differs);
}

TEST(CompareTest, StepThatNeitherReachedDiffers) {
  const std::vector<Record> records = {Saw(1), Record{}};
  const Comparison result = Compare(kTwoCounts, records, records);
  EXPECT_TRUE(result.differs);
  EXPECT_EQ(result.compared, 1U);
}

TEST(CompareTest, WhatFollowsADocumentedDifferenceOfStateIsNotCompared) {
  const Program program = {Write(hyperv::tlfs::MsrIndex::kStimer0Config, kReserved),
                           Write(hyperv::tlfs::MsrIndex::kSint0, 2)};
  const Comparison result =
      Compare(program, std::vector{Saw(kReserved), Saw(2)}, std::vector{Saw(0, 13), Saw(3)});
  EXPECT_FALSE(result.differs);
  EXPECT_EQ(result.compared, 0U);
  EXPECT_THAT(result.rows, ElementsAre("Reserved bits of STIMERx_CONFIG"));
}

TEST(CompareTest, WhatFollowsADocumentedReadIsCompared) {
  const Program program = {Write(hyperv::tlfs::MsrIndex::kCrashCtl, 0),
                           Write(hyperv::tlfs::MsrIndex::kSint0, 2)};
  const Comparison result = Compare(program, std::vector{Saw(uint64_t{1} << 63), Saw(2)},
                                    std::vector{Saw(uint64_t{3} << 62), Saw(3)});
  EXPECT_TRUE(result.differs);
  EXPECT_EQ(result.compared, 1U);
  EXPECT_THAT(result.rows, ElementsAre("CRASH_CTL reads"));
}

TEST(CompareTest, UndocumentedFaultIsNotExcused) {
  const Program program = {Write(hyperv::tlfs::MsrIndex::kStimer0Config, 0)};
  const Comparison result = Compare(program, std::vector{Saw(0)}, std::vector{Saw(0, 13)});
  EXPECT_TRUE(result.differs);
  EXPECT_THAT(result.rows, IsEmpty());
}

}  // namespace
}  // namespace hvkit::testing
