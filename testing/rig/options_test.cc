#include "testing/rig/options.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/status_matchers.h"

namespace hvkit::testing::rig {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(ParseOptionsTest, DefaultsHoldWithoutOptions) {
  ASSERT_OK_AND_ASSIGN(const Options options,
                       ParseOptions({"--kernel=k", "--initrd=i", "--", "program"}));
  EXPECT_EQ(options.cpus, 1);
  EXPECT_EQ(options.memory, "1536M");
  EXPECT_EQ(options.timeout, std::chrono::seconds(600));
  EXPECT_THAT(options.files, IsEmpty());
  EXPECT_THAT(options.command, ElementsAre("program"));
}

TEST(ParseOptionsTest, ListsCollectEachValue) {
  ASSERT_OK_AND_ASSIGN(const Options options,
                       ParseOptions({"--kernel=k", "--initrd=i", "--file=a", "--file=b:/c",
                                     "--out=o", "--env=A=1=2", "--env=B=", "--", "p"}));
  EXPECT_THAT(options.files, ElementsAre(CarriedFile{"a", "a"}, CarriedFile{"b", "/c"}));
  EXPECT_THAT(options.outs, ElementsAre("o"));
  EXPECT_THAT(options.env, ElementsAre("A=1=2", "B="));
}

TEST(ParseOptionsTest, WhatFollowsTheDashesBelongsToTheProgram) {
  ASSERT_OK_AND_ASSIGN(const Options options, ParseOptions({"--kernel=k", "--initrd=i", "--", "p",
                                                            "--cpus=9", "--", "x"}));
  EXPECT_EQ(options.cpus, 1);
  EXPECT_THAT(options.command, ElementsAre("p", "--cpus=9", "--", "x"));
}

struct BadCase {
  const char* name;
  std::vector<const char*> args;
  const char* message;
};

class ParseOptionsErrorTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(ParseOptionsErrorTest, IsRefusedByName) {
  EXPECT_THAT(ParseOptions(GetParam().args),
              StatusIs(kInvalid, ::testing::HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    , ParseOptionsErrorTest,
    ::testing::Values(BadCase{"NoProgram", {"--kernel=k", "--initrd=i", "--"}, "no program"},
                      BadCase{"NoDashes", {"--kernel=k", "--initrd=i"}, "no program"},
                      BadCase{"NoKernel", {"--initrd=i", "--", "p"}, "--kernel"},
                      BadCase{"Unknown", {"--bogus=1", "--", "p"}, "--bogus=1"},
                      BadCase{"NotAnOption", {"program"}, "--OPTION=VALUE"},
                      BadCase{"ZeroCpus", {"--cpus=0", "--", "p"}, "--cpus=0"},
                      BadCase{"TextTimeout", {"--timeout=soon", "--", "p"}, "--timeout=soon"},
                      BadCase{"FileWithoutTarget", {"--file=a:", "--", "p"}, "--file=a:"},
                      BadCase{"EnvWithoutValue", {"--env=A", "--", "p"}, "--env=A"}),
    [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace hvkit::testing::rig
