#include "testing/differential/options.h"

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/status_matchers.h"

namespace hvkit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<Options> Parse(std::vector<const char*> arguments) {
  std::vector<char*> writable;
  writable.reserve(arguments.size());
  for (const char* argument : arguments) writable.push_back(const_cast<char*>(argument));
  return ParseOptions(writable);
}

TEST(OptionsTest, NoArgumentsAreOneSeedAndAllNumbersOfVps) {
  ASSERT_OK_AND_ASSIGN(const Options options, Parse({}));
  EXPECT_THAT(options.seeds, ElementsAre(0));
  EXPECT_EQ(options.cpus, 0U);
}

TEST(OptionsTest, SeedsAreKeptInTheirOrder) {
  ASSERT_OK_AND_ASSIGN(const Options options, Parse({"--seed=7", "--seed=18446744073709551615"}));
  EXPECT_THAT(options.seeds, ElementsAre(7, ~uint64_t{0}));
}

TEST(OptionsTest, NumbersAndTextsArriveInTheirFields) {
  ASSERT_OK_AND_ASSIGN(const Options options,
                       Parse({"--guest=a=b", "--scratch=c", "--seconds=1", "--programs=2",
                              "--findings=3", "--cpus=4", "--replay=1"}));
  EXPECT_EQ(options.guest, "a=b");
  EXPECT_EQ(options.scratch, "c");
  EXPECT_EQ(options.seconds, 1U);
  EXPECT_EQ(options.programs, 2U);
  EXPECT_EQ(options.findings, 3U);
  EXPECT_EQ(options.cpus, 4U);
  EXPECT_EQ(options.replay, 1U);
}

TEST(OptionsTest, WhatIsNoOptionOrNoNumberIsRefusedByName) {
  for (const char* const argument : {"seed", "--sead=1", "--seed=x", "--seed=", "--cpus=-1"}) {
    EXPECT_THAT(Parse({argument}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(argument)));
  }
}

TEST(OptionsTest, FiveVpsAreRefused) {
  EXPECT_THAT(Parse({"--cpus=5"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4 VPs")));
  EXPECT_THAT(Parse({"--replay=5"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4 VPs")));
}

}  // namespace
}  // namespace hvkit::testing
