#include "vmm/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "devices/debug_frame.h"
#include "testing/status_matchers.h"

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

TEST(ConfigTest, ProcessIsConfinedUnlessSwitchedOff) {
  ASSERT_OK_AND_ASSIGN(const Config confined, Parse({"--kernel=k"}));
  EXPECT_TRUE(confined.seccomp);
  ASSERT_OK_AND_ASSIGN(const Config open, Parse({"--kernel=k", "--no-seccomp"}));
  EXPECT_FALSE(open.seccomp);
}

TEST(ConfigTest, KernelAloneTakesTheDefaults) {
  ASSERT_OK_AND_ASSIGN(const Config config, Parse({"--kernel=vmlinuz"}));
  EXPECT_EQ(config.command, Command::kRun);
  EXPECT_EQ(config.kernel, "vmlinuz");
  EXPECT_FALSE(config.initrd.has_value());
  EXPECT_EQ(config.memory_bytes, uint64_t{512} << 20);
  EXPECT_EQ(config.cpus, 2u);
  EXPECT_EQ(config.cpu, "host");
  EXPECT_EQ(config.hyperv, Backend::kAuto);
  EXPECT_EQ(config.serial, SerialSink::kStdio);
  EXPECT_FALSE(config.events.has_value());
  EXPECT_EQ(config.debug_exit_port, 0xf4);
  EXPECT_EQ(config.kernel_format, KernelFormat::kAuto);
}

TEST(ConfigTest, EveryRunFlagIsTaken) {
  ASSERT_OK_AND_ASSIGN(
      const Config config,
      Parse({"--kernel=k", "--initrd=i", "--cmdline=a=b c", "--memory=1G", "--cpus=8",
             "--cpu=host,hv_time", "--hyperv=user", "--serial=file:/tmp/s", "--events=-",
             "--debug-exit-port=0x501", "--kernel-format=flat"}));
  EXPECT_EQ(config.initrd, "i");
  EXPECT_EQ(config.cmdline, "a=b c");
  EXPECT_EQ(config.memory_bytes, uint64_t{1} << 30);
  EXPECT_EQ(config.cpus, 8u);
  EXPECT_EQ(config.cpu, "host,hv_time");
  EXPECT_EQ(config.hyperv, Backend::kUser);
  EXPECT_EQ(config.serial, SerialSink::kFile);
  EXPECT_EQ(config.serial_path, "/tmp/s");
  EXPECT_EQ(config.events, "-");
  EXPECT_EQ(config.debug_exit_port, 0x501);
  EXPECT_EQ(config.kernel_format, KernelFormat::kFlat);
}

TEST(ConfigTest, RepeatedFlagTakesTheLast) {
  ASSERT_OK_AND_ASSIGN(const Config config, Parse({"--kernel=a", "--cpus=4", "--kernel=b"}));
  EXPECT_EQ(config.kernel, "b");
  EXPECT_EQ(config.cpus, 4u);
}

TEST(ConfigTest, EmptyCmdlineIsAllowed) {
  ASSERT_OK_AND_ASSIGN(const Config config, Parse({"--kernel=k", "--cmdline="}));
  EXPECT_EQ(config.cmdline, "");
}

TEST(ConfigTest, DebugExitPortNoneTurnsItOff) {
  ASSERT_OK_AND_ASSIGN(const Config config, Parse({"--kernel=k", "--debug-exit-port=none"}));
  EXPECT_FALSE(config.debug_exit_port.has_value());
}

TEST(ConfigTest, DebugExitPortZeroTurnsItOff) {
  ASSERT_OK_AND_ASSIGN(const Config config, Parse({"--kernel=k", "--debug-exit-port=0"}));
  EXPECT_FALSE(config.debug_exit_port.has_value());
}

TEST(ConfigTest, ProbeNeedsNoKernel) {
  ASSERT_OK_AND_ASSIGN(const Config config, Parse({"--probe", "--format=json"}));
  EXPECT_EQ(config.command, Command::kProbe);
  EXPECT_EQ(config.format, OutputFormat::kJson);
}

TEST(ConfigTest, ListNeedsNoKernel) {
  ASSERT_OK_AND_ASSIGN(const Config config, Parse({"--list-enlightenments"}));
  EXPECT_EQ(config.command, Command::kListEnlightenments);
  EXPECT_EQ(config.format, OutputFormat::kText);
}

TEST(ConfigTest, HelpWinsOverOtherCommands) {
  ASSERT_OK_AND_ASSIGN(const Config config, Parse({"--help", "--probe"}));
  EXPECT_EQ(config.command, Command::kHelp);
}

TEST(ConfigTest, VersionIsOneLine) {
  ASSERT_OK_AND_ASSIGN(const Config config, Parse({"--version"}));
  EXPECT_EQ(config.command, Command::kVersion);
  EXPECT_EQ(VersionText().find('\n'), VersionText().size() - 1);
}

TEST(ConfigTest, HelpNamesFlagsWithTheirValues) {
  EXPECT_THAT(HelpText(), AllOf(HasSubstr("--kernel=FILE"), HasSubstr("--events=PATH|-"),
                                HasSubstr("--list-enlightenments"), HasSubstr("Exit status")));
}

struct MemoryCase {
  const char* text;
  uint64_t bytes;
};

class MemorySizeTest : public ::testing::TestWithParam<MemoryCase> {};

TEST_P(MemorySizeTest, IsTaken) {
  ASSERT_OK_AND_ASSIGN(const Config config,
                       Parse({"--kernel=k", std::string("--memory=") + GetParam().text}));
  EXPECT_EQ(config.memory_bytes, GetParam().bytes);
}

INSTANTIATE_TEST_SUITE_P(Sizes, MemorySizeTest,
                         ::testing::Values(MemoryCase{"4M", uint64_t{4} << 20},
                                           MemoryCase{"4096k", uint64_t{4} << 20},
                                           MemoryCase{"8388608", uint64_t{8} << 20},
                                           MemoryCase{"0x4000K", uint64_t{16} << 20},
                                           MemoryCase{"2g", uint64_t{2} << 30},
                                           MemoryCase{"1024G", uint64_t{1} << 40}));

struct RefusalCase {
  const char* argument;
  const char* what;    // the flag, in the message
  const char* remedy;  // in the message too
};

class RefusalTest : public ::testing::TestWithParam<RefusalCase> {};

TEST_P(RefusalTest, IsOneLineWithFlagAndRemedy) {
  EXPECT_THAT(Parse({"--kernel=k", GetParam().argument}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(GetParam().what), HasSubstr(GetParam().remedy),
                             Not(HasSubstr("\n")))));
}

INSTANTIATE_TEST_SUITE_P(
    BadArguments, RefusalTest,
    ::testing::Values(
        RefusalCase{"--memroy=1G", "--memroy", "did you mean --memory=SIZE"},
        RefusalCase{"--prob", "--prob", "did you mean --probe"},
        RefusalCase{"--quux", "--quux", "see --help"}, RefusalCase{"--", "'--'", "see --help"},
        RefusalCase{"-kernel", "'-kernel'", "--kernel=FILE"},
        RefusalCase{"vmlinuz", "'vmlinuz'", "--kernel=FILE"}, RefusalCase{"", "''", "--kernel="},
        RefusalCase{"--kernel", "--kernel", "use --kernel=FILE"},
        RefusalCase{"--kernel=", "--kernel", "use --kernel=FILE"},
        RefusalCase{"--initrd=", "--initrd", "use --initrd=FILE"},
        RefusalCase{"--cmdline", "--cmdline", "use --cmdline=TEXT"},
        RefusalCase{"--events=", "--events", "use --events=PATH|-"},
        RefusalCase{"--probe=yes", "--probe=yes", "takes no value; use --probe"},
        RefusalCase{"--memory=1K", "--memory=1K", "1024 bytes are out of range; use 4M to 1024G"},
        RefusalCase{"--memory=4095K", "--memory=4095K", "use 4M to 1024G"},
        RefusalCase{"--memory=1025G", "--memory=1025G", "use 4M to 1024G"},
        RefusalCase{"--memory=99999999999G", "--memory=", "with K, M or G"},
        RefusalCase{"--memory=18446744073709551616", "--memory=", "with K, M or G"},
        RefusalCase{"--memory=-1", "--memory=-1", "with K, M or G"},
        RefusalCase{"--memory=1T", "--memory=1T", "with K, M or G"},
        RefusalCase{"--memory=M", "--memory=M", "with K, M or G"},
        RefusalCase{"--memory=5000001", "--memory=5000001", "a multiple of 4K"},
        RefusalCase{"--cpus=0", "--cpus=0", "use 1 to 4096"},
        RefusalCase{"--cpus=4097", "--cpus=4097", "use 1 to 4096"},
        RefusalCase{"--cpus=two", "--cpus=two", "use 1 to 4096"},
        RefusalCase{"--cpu=", "--cpu", "use --cpu=host"},
        RefusalCase{"--hyperv=on", "--hyperv=on", "auto, kernel, user"},
        RefusalCase{"--serial=file:", "--serial=file:", "stdio, none or file:PATH"},
        RefusalCase{"--serial=tcp", "--serial=tcp", "stdio, none or file:PATH"},
        RefusalCase{"--kernel-format=elf", "--kernel-format=elf", "auto, flat"},
        RefusalCase{"--format=xml", "--format=xml", "text, json"},
        RefusalCase{"--syndbg=127.0.0.1:50000", "--syndbg=127.0.0.1:50000", "use udp:HOST:PORT"},
        RefusalCase{"--syndbg=udp:debugger:50000", "--syndbg=udp:debugger:50000", "udp:127.0.0.1"},
        RefusalCase{"--syndbg=udp:127.0.0.1:", "--syndbg=udp:127.0.0.1:", "use 1 to 65535"},
        RefusalCase{"--syndbg=udp:0", "--syndbg=udp:0", "use 1 to 65535"},
        RefusalCase{"--syndbg=udp:::1:50000", "--syndbg=udp:::1:50000", "not an IPv4 address"},
        RefusalCase{"--device=vga", "--device=vga", "hyperv-testdev"},
        RefusalCase{"--debug-exit-port=0x3f8", "--debug-exit-port=0x3f8", "the serial port"},
        RefusalCase{"--debug-exit-port=0x3f5", "--debug-exit-port=0x3f5", "the serial port"},
        RefusalCase{"--debug-exit-port=0x61", "--debug-exit-port=0x61", "use another"},
        RefusalCase{"--debug-exit-port=0x604", "--debug-exit-port=0x604", "ACPI"},
        RefusalCase{"--debug-exit-port=0xfffd", "--debug-exit-port=0xfffd", "use 1 to 0xfffc"},
        RefusalCase{"--debug-exit-port=x", "--debug-exit-port=x", "use 1 to 0xfffc"},
        RefusalCase{"--explain", "--explain", "use --explain=NAME"},
        RefusalCase{"--convert=", "--convert", "use --convert=TEXT|-"},
        RefusalCase{"--diff", "--diff", "needs two values of --cpu"},
        RefusalCase{"--diff=host", "--diff=host", "takes no value; use --diff"},
        RefusalCase{"--new\nline", "--new?line", "see --help"}));

TEST(ConfigTest, ExplainAndConvertKeepWhatTheyAreAbout) {
  ASSERT_OK_AND_ASSIGN(const Config explain, Parse({"--explain=hv_synic", "--format=json"}));
  EXPECT_EQ(explain.command, Command::kExplain);
  EXPECT_EQ(explain.subject, "hv_synic");
  ASSERT_OK_AND_ASSIGN(const Config convert, Parse({"--convert=<hyperv a='b'/>"}));
  EXPECT_EQ(convert.command, Command::kConvert);
  EXPECT_EQ(convert.subject, "<hyperv a='b'/>");
}

TEST(ConfigTest, DiffTakesTheTwoArgumentsAfterIt) {
  ASSERT_OK_AND_ASSIGN(const Config config,
                       Parse({"--diff", "host", "host,hv_time", "--format=json"}));
  EXPECT_EQ(config.command, Command::kDiff);
  EXPECT_EQ(config.subject, "host");
  EXPECT_EQ(config.other, "host,hv_time");
  EXPECT_EQ(config.format, OutputFormat::kJson);
}

// Files are looked at after --cpu, so that a bad set is told even without a kernel.
TEST(ConfigTest, MissingKernelIsLeftToWhoReadsFiles) {
  ASSERT_OK_AND_ASSIGN(const Config config, Parse({"--cpus=1"}));
  EXPECT_EQ(config.kernel, "");
}

TEST(ConfigTest, TestDeviceIsTaken) {
  ASSERT_OK_AND_ASSIGN(const Config config, Parse({"--kernel=k", "--device=hyperv-testdev"}));
  EXPECT_TRUE(config.hyperv_testdev);
}

TEST(ConfigTest, DebuggerIsAnAddressAndAPort) {
  ASSERT_OK_AND_ASSIGN(const Config config, Parse({"--kernel=k", "--syndbg=udp:10.0.0.1:50005"}));
  EXPECT_EQ(config.syndbg, (devices::UdpEndpoint{.address = 0x0A000001, .port = 50005}));
}

TEST(ConfigTest, DebuggerIsOnTheLoopbackByDefault) {
  ASSERT_OK_AND_ASSIGN(const Config config, Parse({"--kernel=k", "--syndbg=udp:50005"}));
  EXPECT_EQ(config.syndbg, (devices::UdpEndpoint{.address = 0x7F000001, .port = 50005}));
}

TEST(ConfigTest, OneFileForSerialAndEventsIsRefused) {
  EXPECT_THAT(Parse({"--kernel=k", "--serial=file:out/log", "--events=out/./log"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--events=out/./log"), HasSubstr("a file of its own"))));
  EXPECT_OK(Parse({"--kernel=k", "--serial=file:out/log", "--events=out/events"}));
}

TEST(ConfigTest, DebugExitPortOnTheTestDeviceIsRefused) {
  EXPECT_THAT(Parse({"--kernel=k", "--debug-exit-port=0x3002", "--device=hyperv-testdev"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("hyperv-testdev is there")));
  EXPECT_OK(Parse({"--kernel=k", "--debug-exit-port=0x3002"}));
}

TEST(ConfigTest, HelpTellsOfSignals) {
  EXPECT_THAT(HelpText(), HasSubstr("128 + N signal N ended it"));
}

}  // namespace
}  // namespace hvkit::vmm
