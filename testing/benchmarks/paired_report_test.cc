#include "testing/benchmarks/paired_report.h"

#include <optional>
#include <regex>
#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "testing/benchmarks/paired_samples.h"

namespace hvkit::benchmarks {
namespace {

using nlohmann::json;

std::optional<PairedOptions> Parse(std::string argument) {
  char program[] = "program";
  char* argv[] = {program, argument.data()};
  return PairedOptions::Parse(2, argv);
}

TEST(PairedOptionsTest, GoogleBenchmarksFlagsAreKnown) {
  const std::optional<PairedOptions> filter = Parse("--benchmark_filter=^io");
  ASSERT_TRUE(filter.has_value());
  EXPECT_TRUE(std::regex_search("io_out", filter->filter));
  EXPECT_FALSE(std::regex_search("user_io_out", filter->filter));
  const std::optional<PairedOptions> out = Parse("--benchmark_out=file.json");
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->out, "file.json");
  EXPECT_TRUE(Parse("--benchmark_out_format=json").has_value());
}

TEST(PairedOptionsTest, AFilterThatIsNoRegularExpressionIsRefusedWithOneLine) {
  ::testing::internal::CaptureStderr();
  EXPECT_FALSE(Parse("--benchmark_filter=io_out(").has_value());
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.find("--benchmark_filter=io_out(: it is not a regular expression"), 0) << said;
  EXPECT_EQ(said.find('\n'), said.size() - 1) << said;
}

TEST(PairedOptionsTest, OtherArgumentsAreRefused) { EXPECT_FALSE(Parse("io_out").has_value()); }

TEST(PairedReportTest, EachPassIsARepetitionOfBothLoops) {
  const PairedTimes pass{.raw_ns = 100, .ours_ns = 110, .ours = 1.1, .again = 1};
  const PairedSummary summary{.median = pass, .passes = {pass, pass}};
  json rows = json::array();
  AppendPasses("io_out", {.passes = 2}, summary, rows);
  ASSERT_EQ(rows.size(), 6);
  EXPECT_EQ(rows[2]["name"], "io_out");
  EXPECT_EQ(rows[2]["repetition_index"], 1);
  EXPECT_EQ(rows[2]["cpu_time"], 110);
  EXPECT_EQ(rows[2]["ratio"], 1.1);
  EXPECT_EQ(rows[3]["name"], "io_out (raw C)");
  EXPECT_EQ(rows[3]["cpu_time"], 100);
  EXPECT_FALSE(rows[3].contains("ratio"));
}

TEST(PairedReportTest, MediansAreAggregates) {
  const PairedTimes pass{.raw_ns = 100, .ours_ns = 110, .ours = 1.1, .again = 1};
  json rows = json::array();
  AppendPasses("io_out", {.passes = 0}, {.median = pass, .passes = {}}, rows);
  ASSERT_EQ(rows.size(), 2);
  EXPECT_EQ(rows[0]["name"], "io_out_median");
  EXPECT_EQ(rows[0]["run_name"], "io_out");
  EXPECT_EQ(rows[0]["run_type"], "aggregate");
  EXPECT_EQ(rows[1]["name"], "io_out (raw C)_median");
  EXPECT_EQ(rows[1]["run_name"], "io_out (raw C)");
}

}  // namespace
}  // namespace hvkit::benchmarks
