#include "devices/uart16550.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hvkit::devices {
namespace {

using ::testing::Optional;

constexpr uint8_t kNone = 0x01;
constexpr uint8_t kTransmitter = 0x02;
constexpr uint8_t kReceived = 0x04;
constexpr uint8_t kLineStatus = 0x06;
constexpr uint8_t kTimeout = 0x0c;
constexpr uint8_t kModemStatus = 0x00;
constexpr uint8_t kFifos = 0xc0;

class Uart16550Test : public ::testing::Test {
 protected:
  uint8_t Id() { return uart_.Read(kUartInterruptId); }
  void EnableInterrupts(uint8_t mask) { uart_.Write(kUartInterruptEnable, mask); }
  void EnableFifos(uint8_t more = 0) { uart_.Write(kUartInterruptId, 0x01 | more); }
  size_t Receive(std::string_view text) {
    return uart_.Receive(std::as_bytes(std::span(text.data(), text.size())));
  }
  void Loopback(std::string_view text) {
    uart_.Write(kUartModemControl, 0x10);
    for (const char c : text) uart_.Write(kUartData, static_cast<uint8_t>(c));
  }

  Uart16550 uart_;
};

TEST_F(Uart16550Test, ResetStateIsIdle) {
  EXPECT_EQ(uart_.Read(kUartInterruptEnable), 0);
  EXPECT_EQ(Id(), kNone);
  EXPECT_EQ(uart_.Read(kUartLineControl), 0);
  EXPECT_EQ(uart_.Read(kUartModemControl), 0);
  EXPECT_EQ(uart_.Read(kUartLineStatus), 0x60);
  EXPECT_EQ(uart_.Read(kUartModemStatus), 0xb0);
  EXPECT_FALSE(uart_.Interrupt());
}

TEST_F(Uart16550Test, ByteWrittenIsSentAndTransmitterStaysEmpty) {
  EXPECT_THAT(uart_.Write(kUartData, 'x'), Optional('x'));

  EXPECT_EQ(uart_.Read(kUartLineStatus), 0x60);
}

TEST_F(Uart16550Test, ScratchReadsBack) {
  uart_.Write(kUartScratch, 0xa5);

  EXPECT_EQ(uart_.Read(kUartScratch), 0xa5);
}

TEST_F(Uart16550Test, DivisorIsBehindDlabAndDoesNotTouchDataOrInterrupts) {
  uart_.Write(kUartLineControl, 0x83);
  EXPECT_EQ(uart_.Write(kUartData, 0x0c), std::nullopt);
  uart_.Write(kUartInterruptEnable, 0x7f);
  EXPECT_EQ(uart_.Read(kUartData), 0x0c);
  EXPECT_EQ(uart_.Read(kUartInterruptEnable), 0x7f);

  uart_.Write(kUartLineControl, 0x03);

  EXPECT_EQ(uart_.Read(kUartInterruptEnable), 0);
}

TEST_F(Uart16550Test, InterruptEnableKeepsFourBits) {
  EnableInterrupts(0xff);

  EXPECT_EQ(uart_.Read(kUartInterruptEnable), 0x0f);
}

TEST_F(Uart16550Test, ModemControlKeepsFiveBits) {
  uart_.Write(kUartModemControl, 0xff);

  EXPECT_EQ(uart_.Read(kUartModemControl), 0x1f);
}

TEST_F(Uart16550Test, StatusRegistersIgnoreWrites) {
  uart_.Write(kUartLineStatus, 0);
  uart_.Write(kUartModemStatus, 0);

  EXPECT_EQ(uart_.Read(kUartLineStatus), 0x60);
  EXPECT_EQ(uart_.Read(kUartModemStatus), 0xb0);
}

TEST_F(Uart16550Test, OffsetPastRegistersFloatsAndIgnoresWrites) {
  EXPECT_EQ(uart_.Write(8, 1), std::nullopt);

  EXPECT_EQ(uart_.Read(8), 0xff);
}

// Transmitter interrupt.

TEST_F(Uart16550Test, EnablingTransmitterInterruptRaisesIt) {
  EnableInterrupts(0x02);

  EXPECT_TRUE(uart_.Interrupt());
  EXPECT_EQ(Id(), kTransmitter);
}

TEST_F(Uart16550Test, ReadingIdClearsTransmitterInterrupt) {
  EnableInterrupts(0x02);
  EXPECT_EQ(Id(), kTransmitter);

  EXPECT_FALSE(uart_.Interrupt());
  EXPECT_EQ(Id(), kNone);
}

TEST_F(Uart16550Test, WritingDataRaisesTransmitterInterruptAgain) {
  EnableInterrupts(0x02);
  EXPECT_EQ(Id(), kTransmitter);

  uart_.Write(kUartData, 'x');

  EXPECT_EQ(Id(), kTransmitter);
}

TEST_F(Uart16550Test, EnablingTransmitterInterruptAgainRaisesItAgain) {
  // Linux tests for this and works round UARTs that do not (UART_BUG_THRE, UART_BUG_TXEN).
  EnableInterrupts(0x02);
  EXPECT_EQ(Id(), kTransmitter);
  EnableInterrupts(0x00);

  EnableInterrupts(0x02);

  EXPECT_EQ(Id(), kTransmitter);
}

TEST_F(Uart16550Test, RewritingEnableWithoutChangeDoesNotRaiseTransmitterInterrupt) {
  EnableInterrupts(0x02);
  EXPECT_EQ(Id(), kTransmitter);

  EnableInterrupts(0x03);

  EXPECT_EQ(Id(), kNone);
}

TEST_F(Uart16550Test, ReadingIdOfHigherCauseKeepsTransmitterInterrupt) {
  EnableInterrupts(0x03);
  ASSERT_EQ(Receive("a"), 1u);
  EXPECT_EQ(Id(), kReceived);

  EXPECT_EQ(uart_.Read(kUartData), 'a');

  EXPECT_EQ(Id(), kTransmitter);
}

// Receiver.

TEST_F(Uart16550Test, ReceivedByteIsReadyAndReadOnce) {
  ASSERT_EQ(Receive("a"), 1u);
  EXPECT_EQ(uart_.Read(kUartLineStatus), 0x61);

  EXPECT_EQ(uart_.Read(kUartData), 'a');

  EXPECT_EQ(uart_.Read(kUartLineStatus), 0x60);
  EXPECT_EQ(uart_.Read(kUartData), 0);
}

TEST_F(Uart16550Test, WithoutFifosOneByteIsTaken) {
  EXPECT_EQ(Receive("ab"), 1u);
  EXPECT_EQ(uart_.ReceiveRoom(), 0u);
}

TEST_F(Uart16550Test, WithFifosSixteenBytesAreTakenInOrder) {
  EnableFifos();
  ASSERT_EQ(Receive("0123456789abcdefXYZ"), Uart16550::kFifoDepth);
  std::string read;

  std::generate_n(std::back_inserter(read), 16, [this] { return uart_.Read(kUartData); });

  EXPECT_EQ(read, "0123456789abcdef");
  EXPECT_TRUE(uart_.ReceiverEmpty());
}

TEST_F(Uart16550Test, ReceiverInterruptFollowsData) {
  EnableInterrupts(0x01);
  EXPECT_FALSE(uart_.Interrupt());

  ASSERT_EQ(Receive("a"), 1u);
  EXPECT_TRUE(uart_.Interrupt());
  EXPECT_EQ(Id(), kReceived);
  EXPECT_EQ(Id(), kReceived);  // only reading the data clears it
  uart_.Read(kUartData);

  EXPECT_FALSE(uart_.Interrupt());
}

TEST_F(Uart16550Test, DataBelowTriggerLevelIsTimeout) {
  EnableFifos(0x80);  // 8 bytes
  EnableInterrupts(0x01);

  ASSERT_EQ(Receive("1234567"), 7u);
  EXPECT_EQ(Id(), kFifos | kTimeout);
  ASSERT_EQ(Receive("8"), 1u);

  EXPECT_EQ(Id(), kFifos | kReceived);
}

TEST_F(Uart16550Test, ReceiverResetDropsData) {
  EnableFifos();
  ASSERT_EQ(Receive("abc"), 3u);

  EnableFifos(0x02);

  EXPECT_TRUE(uart_.ReceiverEmpty());
}

TEST_F(Uart16550Test, TogglingFifosDropsData) {
  ASSERT_EQ(Receive("a"), 1u);

  EnableFifos();

  EXPECT_EQ(uart_.Read(kUartLineStatus), 0x60);
}

TEST_F(Uart16550Test, ReceiverResetWithoutEnableBitIsIgnored) {
  ASSERT_EQ(Receive("a"), 1u);

  uart_.Write(kUartInterruptId, 0x02);

  EXPECT_FALSE(uart_.ReceiverEmpty());
}

TEST_F(Uart16550Test, FifoBitsOfIdFollowFifoEnable) {
  EnableFifos(0x20);  // the 64-byte mode of a 16750, which this is not
  EXPECT_EQ(Id(), kFifos | kNone);

  uart_.Write(kUartInterruptId, 0);

  EXPECT_EQ(Id(), kNone);
}

// Loopback, modem lines and line errors.

TEST_F(Uart16550Test, LoopbackReceivesWhatIsWritten) {
  EnableFifos();

  Loopback("hi");

  EXPECT_EQ(uart_.Read(kUartData), 'h');
  EXPECT_EQ(uart_.Read(kUartData), 'i');
}

TEST_F(Uart16550Test, LoopbackSendsNothingAndTakesNothing) {
  uart_.Write(kUartModemControl, 0x10);

  EXPECT_EQ(uart_.Write(kUartData, 'x'), std::nullopt);
  uart_.Read(kUartData);

  EXPECT_EQ(uart_.ReceiveRoom(), 0u);
  EXPECT_EQ(Receive("a"), 0u);
}

TEST_F(Uart16550Test, LoopbackOverrunKeepsFifoAndIsToldOnce) {
  EnableFifos();

  Loopback("0123456789abcdefX");

  EXPECT_EQ(uart_.Read(kUartLineStatus), 0x63);
  EXPECT_EQ(uart_.Read(kUartLineStatus), 0x61);
  EXPECT_EQ(uart_.Read(kUartData), '0');
}

TEST_F(Uart16550Test, LoopbackOverrunWithoutFifosReplacesByte) {
  Loopback("ab");

  EXPECT_EQ(uart_.Read(kUartData), 'b');
}

TEST_F(Uart16550Test, LineStatusInterruptIsFirstAndClearedByItsRegister) {
  EnableInterrupts(0x0f);
  Loopback("ab");

  EXPECT_EQ(Id(), kLineStatus);
  uart_.Read(kUartLineStatus);

  EXPECT_EQ(Id(), kReceived);
}

struct ModemCase {
  uint8_t control;
  uint8_t inputs;
};

class Uart16550ModemTest : public Uart16550Test, public ::testing::WithParamInterface<ModemCase> {};

TEST_P(Uart16550ModemTest, LoopbackConnectsOutputsToInputs) {
  uart_.Write(kUartModemControl, GetParam().control);

  EXPECT_EQ(uart_.Read(kUartModemStatus) & 0xf0, GetParam().inputs);
}

INSTANTIATE_TEST_SUITE_P(Lines, Uart16550ModemTest,
                         ::testing::Values(ModemCase{0x10, 0x00}, ModemCase{0x11, 0x20},
                                           ModemCase{0x12, 0x10}, ModemCase{0x14, 0x40},
                                           ModemCase{0x18, 0x80},
                                           ModemCase{0x1a, 0x90}));  // what Linux probes with

TEST_F(Uart16550Test, ModemChangesAreToldOnce) {
  uart_.Write(kUartModemControl, 0x10);

  EXPECT_EQ(uart_.Read(kUartModemStatus), 0x0b);
  EXPECT_EQ(uart_.Read(kUartModemStatus), 0x00);
}

TEST_F(Uart16550Test, RingIsToldWhenItEnds) {
  uart_.Write(kUartModemControl, 0x10);
  uart_.Read(kUartModemStatus);

  uart_.Write(kUartModemControl, 0x14);
  EXPECT_EQ(uart_.Read(kUartModemStatus), 0x40);
  uart_.Write(kUartModemControl, 0x10);

  EXPECT_EQ(uart_.Read(kUartModemStatus), 0x04);
}

TEST_F(Uart16550Test, ModemStatusInterruptIsClearedByItsRegister) {
  EnableInterrupts(0x08);
  uart_.Write(kUartModemControl, 0x10);

  EXPECT_TRUE(uart_.Interrupt());
  EXPECT_EQ(Id(), kModemStatus);
  uart_.Read(kUartModemStatus);

  EXPECT_FALSE(uart_.Interrupt());
}

}  // namespace
}  // namespace hvkit::devices
