#include "testing/benchmarks/paired_samples.h"

#include <cstddef>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hvkit::benchmarks {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::SizeIs;

TEST(PairedSamplesTest, EachSideHasEachPlaceInARound) {
  EXPECT_EQ(SideOfStep(0), Side::kRaw);
  EXPECT_EQ(SideOfStep(1), Side::kOurs);
  EXPECT_EQ(SideOfStep(2), Side::kRawAgain);
  EXPECT_EQ(SideOfStep(3), Side::kOurs);
  EXPECT_EQ(SideOfStep(5), Side::kRaw);
  EXPECT_EQ(SideOfStep(6), Side::kRawAgain);
}

TEST(PairedSamplesTest, RatiosAreOfTheSameRound) {
  PairedSamples samples({.passes = 1, .rounds = 3});
  for (const double slowness : {1.0, 10.0, 3.0}) {
    samples.Record(Side::kRaw, 100 * slowness);
    samples.Record(Side::kOurs, 110 * slowness);
    samples.Record(Side::kRawAgain, 90 * slowness);
  }
  const PairedTimes median = samples.Summarize().median;
  EXPECT_THAT(median.raw_ns, DoubleEq(300));
  EXPECT_THAT(median.ours_ns, DoubleEq(330));
  EXPECT_THAT(median.ours, DoubleEq(1.1));
  EXPECT_THAT(median.again, DoubleEq(0.9));
}

TEST(PairedSamplesTest, RatioIsTheMedianOfThePasses) {
  PairedSamples samples({.passes = 3, .rounds = 1});
  for (const double ratio : {1.25, 1.5, 1.0}) {
    samples.Record(Side::kRaw, 100);
    samples.Record(Side::kOurs, 100 * ratio);
    samples.Record(Side::kRawAgain, 100);
  }
  const PairedSummary summary = samples.Summarize();
  EXPECT_THAT(summary.median.ours, DoubleEq(1.25));
  ASSERT_THAT(summary.passes, SizeIs(3));
  EXPECT_THAT(summary.passes[1].ours, DoubleEq(1.5));
  EXPECT_THAT(summary.passes[2].ours_ns, DoubleEq(100));
}

TEST(RunPairedTest, EverySideRunsItsBatchInTurn) {
  const RoundCounts counts{.passes = 1, .rounds = 2, .operations = 5};
  PairedSamples samples(counts);
  std::vector<char> turns;
  const auto turn = [&turns](char side) {
    return [&turns, side](size_t operations) {
      turns.push_back(side);
      return operations == 5;
    };
  };
  EXPECT_TRUE(RunPaired(counts, turn('r'), turn('o'), samples));
  EXPECT_THAT(turns, ElementsAre('r', 'o', 'r', 'o', 'r', 'r'));
}

TEST(RunPairedTest, FailedBatchEndsTheRun) {
  const RoundCounts counts{.passes = 1, .rounds = 2, .operations = 5};
  PairedSamples samples(counts);
  EXPECT_FALSE(
      RunPaired(counts, [](size_t) { return true; }, [](size_t) { return false; }, samples));
}

}  // namespace
}  // namespace hvkit::benchmarks
