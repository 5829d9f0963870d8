#include "vmm/tour.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "hyperv/enlightenments/enlightenment.h"
#include "testing/status_matchers.h"
#include "vmm/config.h"
#include "vmm/inputs.h"

namespace hvkit::vmm {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

absl::StatusOr<Config> Parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "vmm");
  std::vector<char*> argv;
  argv.reserve(arguments.size());
  for (std::string& argument : arguments) argv.push_back(argument.data());
  return ParseConfig(argv);
}

TEST(TourTest, TakesAllThatCanBeHadUnlessCpuSaysOtherwise) {
  ASSERT_OK_AND_ASSIGN(const Config tour, Parse({"--tour"}));
  EXPECT_EQ(tour.command, Command::kTour);
  EXPECT_EQ(tour.cpu, kTourCpu);
  EXPECT_EQ(tour.cpus, 2u);
  ASSERT_OK_AND_ASSIGN(const Config plain, Parse({"--cpu=host", "--tour"}));
  EXPECT_EQ(plain.cpu, "host");
}

TEST(TourTest, GuestIsPlannedWithItsOwnCommandLine) {
  ASSERT_OK_AND_ASSIGN(const Config config, Parse({"--tour", "--cpus=3", "--format=json"}));
  EXPECT_EQ(TourCmdline(config), "cpus=3 format=json");
  ASSERT_OK_AND_ASSIGN(const auto inputs, ReadInputs(config));
  EXPECT_TRUE(std::ranges::equal(inputs->kernel, TourGuest()));
  EXPECT_THAT(std::string(inputs->plan.format), HasSubstr("multiboot"));
}

// Those that the guest cannot tell from others in force.
bool IsInvisible(hyperv::Enlightenment e) { return e == hyperv::Enlightenment::kPassthrough; }

TEST(TourTest, GuestKnowsEveryEnlightenment) {
  const std::span<const std::byte> image = TourGuest();
  for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    std::string name(info.name);
    const bool known =
        std::ranges::search(image, std::as_bytes(std::span(name.c_str(), name.size() + 1)))
            .begin() != image.end();
    EXPECT_EQ(known, !IsInvisible(info.id)) << name;
  }
}

class TourRefusalTest : public ::testing::TestWithParam<const char*> {};

TEST_P(TourRefusalTest, IsOneLineThatNamesTheFlag) {
  const std::string argument = GetParam();
  const std::string flag = argument.substr(0, argument.find('='));
  EXPECT_THAT(Parse({"--tour", argument}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--tour"), HasSubstr(flag), Not(HasSubstr("\n")))));
  EXPECT_THAT(Parse({argument, "--tour"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(flag)));
}

INSTANTIATE_TEST_SUITE_P(Flags, TourRefusalTest,
                         ::testing::Values("--kernel=k", "--initrd=i", "--cmdline=x",
                                           "--kernel-format=flat", "--debug-exit-port=none",
                                           "--debug-exit-port=0x501", "--device=hyperv-testdev",
                                           "--cpus=17"));

}  // namespace
}  // namespace hvkit::vmm
