#include "devices/serial.h"

#include <array>
#include <optional>
#include <utility>

namespace hvkit::devices {

Serial::Serial(SerialHost host) : host_(std::move(host)), line_(host_.interrupt) {}

size_t Serial::Enqueue(std::span<const std::byte> input) {
  size_t taken;
  Action action;
  {
    absl::MutexLock lock(&mutex_);
    taken = uart_.Receive(input);
    if (taken < input.size()) input_waits_ = true;
    action = SettleLocked();
  }
  Perform(action);
  return taken;
}

uint8_t Serial::ReadPort(uint64_t offset) {
  uint8_t value;
  Action action;
  {
    absl::MutexLock lock(&mutex_);
    value = uart_.Read(offset);
    action = SettleLocked();
  }
  Perform(action);
  return value;
}

void Serial::WritePort(uint64_t offset, uint8_t value) {
  std::optional<uint8_t> sent;
  Action action;
  {
    absl::MutexLock lock(&mutex_);
    sent = uart_.Write(offset, value);
    action = SettleLocked();
  }
  if (sent) host_.output(std::array{std::byte{*sent}});
  Perform(action);
}

Serial::Action Serial::SettleLocked() {
  Action action;
  const bool level = uart_.Interrupt();
  if (level != line_level_) {
    line_level_ = level;
    line_.Set(level);
    action.line_changed = true;
  }
  if (input_waits_ && uart_.ReceiverEmpty() && uart_.ReceiveRoom() > 0) {
    input_waits_ = false;
    action.wants_input = true;
  }
  return action;
}

void Serial::Perform(Action action) {
  if (action.line_changed) line_.Deliver();
  if (action.wants_input) host_.input_wanted();
}

}  // namespace hvkit::devices
