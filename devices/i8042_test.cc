#include "devices/i8042.h"

#include <array>

#include "devices/io_bus.h"
#include "gtest/gtest.h"
#include "testing/status_matchers.h"

namespace hvkit::devices {
namespace {

constexpr uint8_t kOutputFull = 0x01;
constexpr uint8_t kInputFull = 0x02;
constexpr uint8_t kSystemFlag = 0x04;
constexpr uint8_t kLastWasCommand = 0x08;
constexpr uint8_t kUnlocked = 0x10;
constexpr uint8_t kAuxData = 0x20;

class I8042Test : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(bus_.Add(kI8042DataPort, 1, i8042_.data_port()));
    ASSERT_OK(bus_.Add(kI8042CommandPort, 1, i8042_.command_port()));
  }

  uint8_t In(uint64_t port) {
    std::array<std::byte, 1> data{};
    bus_.Read(port, data);
    return std::to_integer<uint8_t>(data[0]);
  }
  void Out(uint64_t port, uint8_t value) { bus_.Write(port, std::array{std::byte{value}}); }
  uint8_t Status() { return In(kI8042CommandPort); }
  uint8_t Command(uint8_t command) {
    Out(kI8042CommandPort, command);
    return In(kI8042DataPort);
  }

  int resets_ = 0;
  I8042 i8042_{[this] { ++resets_; }};
  IoBus bus_;
};

TEST_F(I8042Test, StatusAtResetIsEmptyAndUnlocked) { EXPECT_EQ(Status(), kUnlocked); }

TEST_F(I8042Test, Command0xfeResets) {
  Out(kI8042CommandPort, 0xfe);

  EXPECT_EQ(resets_, 1);
}

TEST_F(I8042Test, PulseOfResetLineAmongOthersResets) {
  Out(kI8042CommandPort, 0xf0);

  EXPECT_EQ(resets_, 1);
}

TEST_F(I8042Test, PulseOfOtherLinesDoesNotReset) {
  Out(kI8042CommandPort, 0xff);
  Out(kI8042CommandPort, 0xf1);

  EXPECT_EQ(resets_, 0);
}

TEST_F(I8042Test, OutputPortWriteWithResetLineLowResets) {
  Out(kI8042CommandPort, 0xd1);
  Out(kI8042DataPort, 0xdf);
  EXPECT_EQ(resets_, 0);

  Out(kI8042CommandPort, 0xd1);
  Out(kI8042DataPort, 0xfe);

  EXPECT_EQ(resets_, 1);
}

TEST_F(I8042Test, DataByteWithoutCommandDoesNothing) {
  Out(kI8042DataPort, 0xfe);

  EXPECT_EQ(resets_, 0);
  EXPECT_EQ(Status(), kUnlocked);
}

TEST_F(I8042Test, SelfTestPassesAndSetsSystemFlag) {
  Out(kI8042CommandPort, 0xaa);

  EXPECT_EQ(Status(), kUnlocked | kSystemFlag | kLastWasCommand | kOutputFull);
  EXPECT_EQ(In(kI8042DataPort), 0x55);
}

TEST_F(I8042Test, ReadingDataEmptiesOutputBuffer) {
  EXPECT_EQ(Command(0xaa), 0x55);

  EXPECT_EQ(Status() & kOutputFull, 0);
}

TEST_F(I8042Test, ConfigurationByteReadsBackButAuxPortStaysDisabled) {
  Out(kI8042CommandPort, 0x60);
  Out(kI8042DataPort, 0x47);

  EXPECT_EQ(Command(0x20), 0x67);
}

TEST_F(I8042Test, ConfigurationByteReadsTheSameTwice) { EXPECT_EQ(Command(0x20), Command(0x20)); }

TEST_F(I8042Test, SystemFlagFollowsConfigurationByte) {
  Out(kI8042CommandPort, 0x60);
  Out(kI8042DataPort, kSystemFlag);
  EXPECT_EQ(Status() & kSystemFlag, kSystemFlag);

  Out(kI8042CommandPort, 0x60);
  Out(kI8042DataPort, 0);

  EXPECT_EQ(Status() & kSystemFlag, 0);
}

TEST_F(I8042Test, LastByteOfRamReadsBack) {
  Out(kI8042CommandPort, 0x7f);
  Out(kI8042DataPort, 0xa7);

  EXPECT_EQ(Command(0x3f), 0xa7);
}

TEST_F(I8042Test, KeyboardDisableAndEnableShowInConfiguration) {
  Out(kI8042CommandPort, 0xad);
  EXPECT_EQ(Command(0x20) & 0x10, 0x10);

  Out(kI8042CommandPort, 0xae);

  EXPECT_EQ(Command(0x20) & 0x10, 0);
}

TEST_F(I8042Test, KeyboardInterfaceTestPasses) { EXPECT_EQ(Command(0xab), 0); }

TEST_F(I8042Test, AuxInterfaceTestFailsAsWithoutPort) {
  // Linux takes 0x00, 0xfa and 0xff for a working port.
  EXPECT_EQ(Command(0xa9), 0x02);
}

TEST_F(I8042Test, AuxLoopAnswersWithoutAuxMark) {
  Out(kI8042CommandPort, 0xd3);
  Out(kI8042DataPort, 0x5a);

  EXPECT_EQ(Status() & (kOutputFull | kAuxData), kOutputFull);
  EXPECT_EQ(In(kI8042DataPort), 0x5a);
}

TEST_F(I8042Test, OutputPortReadsResetInactiveAndA20Open) { EXPECT_EQ(Command(0xd0) & 0x03, 0x03); }

TEST_F(I8042Test, NewCommandCancelsPendingOperand) {
  Out(kI8042CommandPort, 0xd1);
  Out(kI8042CommandPort, 0xae);
  Out(kI8042DataPort, 0x00);

  EXPECT_EQ(resets_, 0);
}

TEST_F(I8042Test, InputBufferIsNeverFull) {
  Out(kI8042CommandPort, 0xd4);
  EXPECT_EQ(Status() & kInputFull, 0);

  Out(kI8042DataPort, 0xf2);

  EXPECT_EQ(Status() & (kInputFull | kOutputFull), 0);
}

TEST_F(I8042Test, PortBesideIsUnclaimed) { EXPECT_EQ(In(0x61), 0xff); }

}  // namespace
}  // namespace hvkit::devices
