#include "devices/acpi_pm.h"

#include <utility>

namespace hvkit::devices {
namespace {

// PM1 control register (ACPI 4.8.4.2.1).
constexpr uint16_t kSciEnable = 1 << 0;
constexpr uint16_t kBusMasterReload = 1 << 1;
constexpr unsigned kSleepTypeShift = 10;
constexpr uint16_t kSleepTypeMask = 7 << kSleepTypeShift;
constexpr uint16_t kSleepEnable = 1 << 13;

constexpr uint64_t kPm1Enable = kAcpiPm1Event + kAcpiPm1EventLength / 2;

// Byte `index` of a register.
uint8_t ByteOf(uint32_t value, uint64_t index) {
  return static_cast<uint8_t>(value >> (8 * index));
}

bool IsIn(uint64_t offset, uint64_t start, uint64_t length) {
  return offset >= start && offset - start < length;
}

}  // namespace

AcpiPm::AcpiPm(AcpiPmHost host)
    : host_(std::move(host)), timer_start_(host_.clock()), control_(kSciEnable) {}

void AcpiPm::Read(uint64_t offset, std::span<std::byte> data) {
  // One sample per access: the bytes of one read belong together.
  const bool in_timer = IsIn(offset, kAcpiPmTimer, kAcpiPmTimerLength);
  const uint32_t timer = in_timer ? TimerNow() : 0;
  for (std::byte& b : data) {
    const bool is_timer = in_timer && IsIn(offset, kAcpiPmTimer, kAcpiPmTimerLength);
    b = std::byte{is_timer ? ByteOf(timer, offset - kAcpiPmTimer) : ReadByte(offset)};
    ++offset;
  }
}

void AcpiPm::Write(uint64_t offset, std::span<const std::byte> data) {
  for (const std::byte b : data) Perform(WriteByte(offset++, std::to_integer<uint8_t>(b)));
}

uint32_t AcpiPm::TimerNow() const {
  constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
  const auto elapsed = static_cast<uint64_t>((host_.clock() - timer_start_).count());
  // In two parts, since the product of all nanoseconds passes 64 bits after 86 minutes.
  const uint64_t ticks = elapsed / kNanosecondsPerSecond * kAcpiPmTimerHz +
                         elapsed % kNanosecondsPerSecond * kAcpiPmTimerHz / kNanosecondsPerSecond;
  return static_cast<uint32_t>(ticks);
}

uint8_t AcpiPm::ReadByte(uint64_t offset) {
  // The status register reads 0: no event ever happens.
  if (IsIn(offset, kAcpiPm1Event, kAcpiPm1EventLength / 2)) return 0;
  absl::MutexLock lock(&mutex_);
  if (IsIn(offset, kPm1Enable, kAcpiPm1EventLength / 2))
    return ByteOf(enable_, offset - kPm1Enable);
  if (IsIn(offset, kAcpiPm1Control, kAcpiPm1ControlLength)) {
    return ByteOf(control_, offset - kAcpiPm1Control);
  }
  return 0xff;
}

AcpiPm::Action AcpiPm::WriteByte(uint64_t offset, uint8_t value) {
  if (offset == kAcpiReset) {
    return value == kAcpiResetValue ? Action::kReset : Action::kNone;
  }
  absl::MutexLock lock(&mutex_);
  switch (offset) {
    case kPm1Enable:
      enable_ = static_cast<uint16_t>((enable_ & 0xff00) | value);
      return Action::kNone;
    case kPm1Enable + 1:
      enable_ = static_cast<uint16_t>((enable_ & 0x00ff) | value << 8);
      return Action::kNone;
    case kAcpiPm1Control:
      control_ = static_cast<uint16_t>((control_ & ~kBusMasterReload) | (value & kBusMasterReload));
      return Action::kNone;
    case kAcpiPm1Control + 1:
      return WriteControlHigh(value);
    default:
      return Action::kNone;
  }
}

AcpiPm::Action AcpiPm::WriteControlHigh(uint8_t value) {
  const auto written = static_cast<uint16_t>(value << 8);
  control_ = static_cast<uint16_t>((control_ & ~kSleepTypeMask) | (written & kSleepTypeMask));
  const bool is_s5 = (written & kSleepTypeMask) >> kSleepTypeShift == kAcpiS5SleepType;
  return (written & kSleepEnable) != 0 && is_s5 ? Action::kPowerOff : Action::kNone;
}

void AcpiPm::Perform(Action action) const {
  if (action == Action::kPowerOff) host_.power_off();
  if (action == Action::kReset) host_.reset();
}

}  // namespace hvkit::devices
