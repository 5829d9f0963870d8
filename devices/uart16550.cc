#include "devices/uart16550.h"

namespace hvkit::devices {
namespace {

// Interrupt enable.
constexpr uint8_t kEnableReceived = 1 << 0;
constexpr uint8_t kEnableTransmitter = 1 << 1;
constexpr uint8_t kEnableLineStatus = 1 << 2;
constexpr uint8_t kEnableModemStatus = 1 << 3;
constexpr uint8_t kEnableMask = 0x0f;

// Interrupt identification, by falling priority.
constexpr uint8_t kCauseLineStatus = 0x06;
constexpr uint8_t kCauseReceived = 0x04;
constexpr uint8_t kCauseTimeout = 0x0c;
constexpr uint8_t kCauseTransmitter = 0x02;
constexpr uint8_t kCauseModemStatus = 0x00;
constexpr uint8_t kCauseNone = 0x01;
constexpr uint8_t kFifosEnabled = 0xc0;

// FIFO control.
constexpr uint8_t kFifoEnable = 1 << 0;
constexpr uint8_t kReceiverReset = 1 << 1;
constexpr std::array<uint8_t, 4> kTriggerLevels = {1, 4, 8, 14};

constexpr uint8_t kDivisorLatchAccess = 0x80;  // line control

// Modem control.
constexpr uint8_t kDtr = 1 << 0;
constexpr uint8_t kRts = 1 << 1;
constexpr uint8_t kOut1 = 1 << 2;
constexpr uint8_t kOut2 = 1 << 3;
constexpr uint8_t kLoop = 1 << 4;
constexpr uint8_t kModemControlMask = 0x1f;

// Line status.
constexpr uint8_t kDataReady = 1 << 0;
constexpr uint8_t kOverrun = 1 << 1;
constexpr uint8_t kTransmitterEmpty = 0x60;  // both the holding and the shift register

// Modem status: inputs, and changes four bits below.
constexpr uint8_t kCts = 1 << 4;
constexpr uint8_t kDsr = 1 << 5;
constexpr uint8_t kRing = 1 << 6;
constexpr uint8_t kCarrier = 1 << 7;
constexpr uint8_t kRingEnded = kRing >> 4;

constexpr uint8_t kNoRegister = 0xff;

}  // namespace

uint8_t Uart16550::Read(uint64_t offset) {
  switch (offset) {
    case kUartData:
      return DivisorAccess() ? divisor_[0] : ReadData();
    case kUartInterruptEnable:
      return DivisorAccess() ? divisor_[1] : interrupt_enable_;
    case kUartInterruptId:
      return ReadInterruptId();
    case kUartLineControl:
      return line_control_;
    case kUartModemControl:
      return modem_control_;
    case kUartLineStatus:
      return ReadLineStatus();
    case kUartModemStatus:
      return ReadModemStatus();
    case kUartScratch:
      return scratch_;
    default:
      return kNoRegister;
  }
}

std::optional<uint8_t> Uart16550::Write(uint64_t offset, uint8_t value) {
  switch (offset) {
    case kUartData:
      if (!DivisorAccess()) return Transmit(value);
      divisor_[0] = value;
      break;
    case kUartInterruptEnable:
      if (DivisorAccess()) {
        divisor_[1] = value;
      } else {
        WriteInterruptEnable(value);
      }
      break;
    case kUartInterruptId:
      WriteFifoControl(value);
      break;
    case kUartLineControl:
      line_control_ = value;
      break;
    case kUartModemControl:
      WriteModemControl(value);
      break;
    case kUartScratch:
      scratch_ = value;
      break;
    default:  // the status registers are read-only
      break;
  }
  return std::nullopt;
}

size_t Uart16550::Receive(std::span<const std::byte> bytes) {
  size_t taken = 0;
  for (; taken < bytes.size() && ReceiveRoom() > 0; ++taken) {
    Push(std::to_integer<uint8_t>(bytes[taken]));
  }
  return taken;
}

size_t Uart16550::ReceiveRoom() const { return Loopback() ? 0 : Depth() - count_; }

bool Uart16550::Interrupt() const { return Cause() != kCauseNone; }

uint8_t Uart16550::ReadData() { return count_ == 0 ? uint8_t{0} : Pop(); }

uint8_t Uart16550::ReadInterruptId() {
  const uint8_t cause = Cause();
  // Reading clears the transmitter's interrupt, and only when it is the one that is told.
  if (cause == kCauseTransmitter) transmit_interrupt_ = false;
  return static_cast<uint8_t>(cause | (FifoEnabled() ? kFifosEnabled : 0));
}

uint8_t Uart16550::ReadLineStatus() {
  const auto status = static_cast<uint8_t>(kTransmitterEmpty | (count_ > 0 ? kDataReady : 0) |
                                           (overrun_ ? kOverrun : 0));
  overrun_ = false;
  return status;
}

uint8_t Uart16550::ReadModemStatus() {
  const auto status = static_cast<uint8_t>(ModemInputs() | modem_changes_);
  modem_changes_ = 0;
  return status;
}

void Uart16550::WriteInterruptEnable(uint8_t value) {
  const auto rising = static_cast<uint8_t>(value & ~interrupt_enable_);
  interrupt_enable_ = value & kEnableMask;
  // Enabling the interrupt while the transmitter is empty raises it: drivers start sending so.
  if ((rising & kEnableTransmitter) != 0) transmit_interrupt_ = true;
}

void Uart16550::WriteFifoControl(uint8_t value) {
  const bool toggled = ((value ^ fifo_control_) & kFifoEnable) != 0;
  const bool enabled = (value & kFifoEnable) != 0;
  // The other bits count only together with the enable bit.
  if (toggled || (enabled && (value & kReceiverReset) != 0)) count_ = 0;
  fifo_control_ = value & kFifoEnable;
  trigger_ = enabled ? kTriggerLevels[value >> 6] : 1;
}

void Uart16550::WriteModemControl(uint8_t value) {
  const uint8_t before = ModemInputs();
  modem_control_ = value & kModemControlMask;
  const uint8_t after = ModemInputs();
  auto changes = static_cast<uint8_t>((before ^ after) >> 4);
  // The ring indicator's bit tells only the end of a ring.
  if ((after & kRing) != 0) changes &= static_cast<uint8_t>(~kRingEnded);
  modem_changes_ |= changes;
}

std::optional<uint8_t> Uart16550::Transmit(uint8_t value) {
  transmit_interrupt_ = true;  // full and empty again at once
  if (!Loopback()) return value;
  LoopBack(value);
  return std::nullopt;
}

bool Uart16550::DivisorAccess() const { return (line_control_ & kDivisorLatchAccess) != 0; }
bool Uart16550::FifoEnabled() const { return (fifo_control_ & kFifoEnable) != 0; }
bool Uart16550::Loopback() const { return (modem_control_ & kLoop) != 0; }
size_t Uart16550::Depth() const { return FifoEnabled() ? kFifoDepth : 1; }

uint8_t Uart16550::Cause() const {
  if ((interrupt_enable_ & kEnableLineStatus) != 0 && overrun_) return kCauseLineStatus;
  if ((interrupt_enable_ & kEnableReceived) != 0 && count_ > 0) {
    // Fewer bytes than the trigger level interrupt after four character times without a read or
    // another byte. There is no time here, so they do at once.
    return count_ >= trigger_ ? kCauseReceived : kCauseTimeout;
  }
  if ((interrupt_enable_ & kEnableTransmitter) != 0 && transmit_interrupt_) {
    return kCauseTransmitter;
  }
  if ((interrupt_enable_ & kEnableModemStatus) != 0 && modem_changes_ != 0) {
    return kCauseModemStatus;
  }
  return kCauseNone;
}

uint8_t Uart16550::ModemInputs() const {
  if (!Loopback()) return kCarrier | kDsr | kCts;  // a terminal that is always there
  const uint8_t outputs = modem_control_;
  return static_cast<uint8_t>(
      ((outputs & kRts) != 0 ? kCts : 0) | ((outputs & kDtr) != 0 ? kDsr : 0) |
      ((outputs & kOut1) != 0 ? kRing : 0) | ((outputs & kOut2) != 0 ? kCarrier : 0));
}

void Uart16550::LoopBack(uint8_t value) {
  if (count_ == Depth()) {
    overrun_ = true;
    // A full FIFO keeps its bytes; without it the new byte replaces the old one.
    if (FifoEnabled()) return;
    count_ = 0;
  }
  Push(value);
}

void Uart16550::Push(uint8_t value) {
  fifo_[(head_ + count_) % kFifoDepth] = value;
  ++count_;
}

uint8_t Uart16550::Pop() {
  const uint8_t value = fifo_[head_];
  head_ = (head_ + 1) % kFifoDepth;
  --count_;
  return value;
}

}  // namespace hvkit::devices
