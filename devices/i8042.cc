#include "devices/i8042.h"

#include <utility>

namespace hvkit::devices {
namespace {

// Status register.
constexpr uint8_t kOutputFull = 1 << 0;
constexpr uint8_t kSystemFlag = 1 << 2;
constexpr uint8_t kLastWasCommand = 1 << 3;
constexpr uint8_t kUnlocked = 1 << 4;  // the key lock, which Linux warns about if it is shut

// Configuration byte.
constexpr uint8_t kConfigSystemFlag = 1 << 2;
constexpr uint8_t kConfigKeyboardDisabled = 1 << 4;
constexpr uint8_t kConfigAuxDisabled = 1 << 5;
constexpr uint8_t kConfigTranslate = 1 << 6;

// Output port: reset line inactive, A20 open, both clock and data lines idle.
constexpr uint8_t kOutputPortReset = 1 << 0;
constexpr uint8_t kOutputPortIdle = 0xcf;

enum Command : uint8_t {
  kReadRam = 0x20,   // to 0x3f
  kWriteRam = 0x60,  // to 0x7f
  kTestAux = 0xa9,
  kSelfTest = 0xaa,
  kTestKeyboard = 0xab,
  kDisableKeyboard = 0xad,
  kEnableKeyboard = 0xae,
  kReadInputPort = 0xc0,
  kReadOutputPort = 0xd0,
  kWriteOutputPort = 0xd1,
  kKeyboardLoop = 0xd2,
  kAuxLoop = 0xd3,
  kAuxSend = 0xd4,
  kPulseOutput = 0xf0,  // to 0xff: a zero in bits 0-3 pulses that line low
};

constexpr uint8_t kSelfTestPassed = 0x55;
constexpr uint8_t kInterfaceGood = 0x00;
constexpr uint8_t kAuxClockStuckHigh = 0x02;  // what an absent port looks like
constexpr uint8_t kInputPortIdle = 0xa0;

}  // namespace

I8042::I8042(std::function<void()> on_reset)
    : on_reset_(std::move(on_reset)), ram_{}, status_(kUnlocked) {
  ram_[0] = kConfigSystemFlag | kConfigTranslate | kConfigAuxDisabled;
}

uint8_t I8042::ReadData() {
  absl::MutexLock lock(&mutex_);
  status_ &= static_cast<uint8_t>(~kOutputFull);
  return output_;
}

uint8_t I8042::ReadStatus() {
  absl::MutexLock lock(&mutex_);
  return status_;
}

void I8042::WriteCommand(uint8_t command) {
  Action action;
  {
    absl::MutexLock lock(&mutex_);
    status_ |= kLastWasCommand;
    operand_of_ = 0;
    action = RunCommandLocked(command);
  }
  Perform(action);
}

void I8042::WriteData(uint8_t value) {
  Action action;
  {
    absl::MutexLock lock(&mutex_);
    status_ &= static_cast<uint8_t>(~kLastWasCommand);
    action = RunOperandLocked(std::exchange(operand_of_, uint8_t{0}), value);
  }
  Perform(action);
}

void I8042::Perform(Action action) {
  if (action == Action::kReset) on_reset_();
}

void I8042::ReplyLocked(uint8_t value) {
  output_ = value;
  status_ |= kOutputFull;
}

I8042::Action I8042::RunCommandLocked(uint8_t command) {
  if (command >= kPulseOutput) {
    return (command & kOutputPortReset) == 0 ? Action::kReset : Action::kNone;
  }
  if (command >= kReadRam && command < kReadRam + ram_.size()) {
    ReplyLocked(ram_[command - kReadRam]);
    return Action::kNone;
  }
  if (command >= kWriteRam && command < kWriteRam + ram_.size()) {
    operand_of_ = command;
    return Action::kNone;
  }
  switch (command) {
    case kSelfTest:
      status_ |= kSystemFlag;
      ReplyLocked(kSelfTestPassed);
      break;
    case kTestAux:
      ReplyLocked(kAuxClockStuckHigh);
      break;
    case kTestKeyboard:
      ReplyLocked(kInterfaceGood);
      break;
    case kDisableKeyboard:
      ram_[0] |= kConfigKeyboardDisabled;
      break;
    case kEnableKeyboard:
      ram_[0] &= static_cast<uint8_t>(~kConfigKeyboardDisabled);
      break;
    case kReadInputPort:
      ReplyLocked(kInputPortIdle);
      break;
    case kReadOutputPort:
      ReplyLocked(kOutputPortIdle);
      break;
    case kWriteOutputPort:
    case kKeyboardLoop:
    case kAuxLoop:
    case kAuxSend:
      operand_of_ = command;
      break;
    default:  // a real controller ignores commands that it does not know
      break;
  }
  return Action::kNone;
}

I8042::Action I8042::RunOperandLocked(uint8_t command, uint8_t value) {
  switch (command) {
    case kWriteOutputPort:
      return (value & kOutputPortReset) == 0 ? Action::kReset : Action::kNone;
    case kKeyboardLoop:
    case kAuxLoop:
      // The byte comes back without the status bit that marks the auxiliary port's bytes: so
      // Linux learns without a timeout that there is no such port.
      ReplyLocked(value);
      break;
    case 0:         // for the keyboard, which is not there
    case kAuxSend:  // for the mouse, likewise
      break;
    default:
      ram_[command - kWriteRam] = value;
      if (command == kWriteRam) {
        ram_[0] |= kConfigAuxDisabled;  // there is no port to enable
        status_ = static_cast<uint8_t>((status_ & ~kSystemFlag) | (value & kConfigSystemFlag));
      }
      break;
  }
  return Action::kNone;
}

}  // namespace hvkit::devices
