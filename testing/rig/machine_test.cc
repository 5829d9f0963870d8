#include "testing/rig/machine.h"

#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hvkit::testing::rig {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string CommandLine(const Options& options) {
  return absl::StrJoin(QemuArguments(options, {"initrd", "console", "qemu"}, 9), " ");
}

TEST(QemuArgumentsTest, OneProcessorIsSingleThreaded) {
  const std::string line = CommandLine(Options{});
  EXPECT_THAT(line, HasSubstr("-accel tcg -cpu EPYC,+svm,+npt -smp 1 -m 1536M"));
  EXPECT_THAT(line, Not(HasSubstr("thread=multi")));
}

TEST(QemuArgumentsTest, KernelTrustsItsTsc) {
  EXPECT_THAT(CommandLine(Options{}), HasSubstr("tsc=reliable"));
}

TEST(QemuArgumentsTest, SeveralProcessorsHaveThreads) {
  Options options;
  options.cpus = 2;
  EXPECT_THAT(CommandLine(options), HasSubstr("-accel tcg,thread=multi"));
}

TEST(QemuArgumentsTest, PanicEndsTheMachine) {
  const std::string line = CommandLine(Options{});
  EXPECT_THAT(line, HasSubstr("-no-reboot"));
  EXPECT_THAT(line, HasSubstr("panic=-1"));
}

TEST(QemuArgumentsTest, PortAndFilesAreTheCallers) {
  const std::string line = CommandLine(Options{});
  EXPECT_THAT(line, HasSubstr("socket,id=port,fd=9"));
  EXPECT_THAT(line, HasSubstr("-serial file:console"));
  EXPECT_THAT(line, HasSubstr("-initrd initrd"));
}

}  // namespace
}  // namespace hvkit::testing::rig
