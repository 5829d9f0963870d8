#include "devices/rtc.h"

#include <algorithm>
#include <utility>

namespace hvkit::devices {
namespace {

using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Days = std::chrono::days;

enum Register : uint8_t {
  kSeconds = 0x00,
  kMinutes = 0x02,
  kHours = 0x04,
  kWeekday = 0x06,
  kDay = 0x07,
  kMonth = 0x08,
  kYear = 0x09,
  kA = 0x0a,
  kB = 0x0b,
  kC = 0x0c,
  kD = 0x0d,
  kBaseMemory = 0x15,       // KiB, two bytes
  kExtendedMemory = 0x17,   // KiB above 1 MiB, two bytes
  kExtendedMemory2 = 0x30,  // the same, as found by the BIOS
  kMemoryAbove16M = 0x34,   // in 64 KiB, two bytes
  kMemoryAbove4G = 0x5b,    // in 64 KiB, three bytes
};

constexpr uint8_t kUpdateInProgress = 0x80;  // register A
constexpr uint8_t kDividerAndRate = 0x26;    // 32.768 kHz time base, 1024 Hz
constexpr uint8_t kSet = 0x80;               // register B: the clock is stopped for setting
constexpr uint8_t kBinary = 0x04;
constexpr uint8_t kHours24 = 0x02;
constexpr uint8_t kValidRam = 0x80;  // register D
constexpr uint8_t kPm = 0x80;        // hours register in 12-hour mode

// The flag rises this long before the seconds change (data sheet: 244 us).
constexpr std::chrono::microseconds kUpdateWarning{244};

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;

bool IsTimeRegister(uint8_t index) {
  switch (index) {
    case kSeconds:
    case kMinutes:
    case kHours:
    case kWeekday:
    case kDay:
    case kMonth:
    case kYear:
    case kRtcCenturyRegister:
      return true;
    default:
      return false;
  }
}

// Stores `value`, saturated, in `size` bytes.
void StoreLittleEndian(std::array<uint8_t, 128>& cmos, size_t index, size_t size, uint64_t value) {
  value = std::min(value, (uint64_t{1} << (8 * size)) - 1);
  for (size_t i = 0; i < size; ++i) cmos[index + i] = static_cast<uint8_t>(value >> (8 * i));
}

uint64_t Above(uint64_t size, uint64_t start) { return size > start ? size - start : 0; }

void StoreMemorySizes(std::array<uint8_t, 128>& cmos, const CmosMemory& memory) {
  StoreLittleEndian(cmos, kBaseMemory, 2, std::min(memory.below_4g / kKiB, uint64_t{640}));
  const uint64_t extended_kib = Above(memory.below_4g, kMiB) / kKiB;
  StoreLittleEndian(cmos, kExtendedMemory, 2, extended_kib);
  StoreLittleEndian(cmos, kExtendedMemory2, 2, extended_kib);
  StoreLittleEndian(cmos, kMemoryAbove16M, 2, Above(memory.below_4g, 16 * kMiB) / (64 * kKiB));
  StoreLittleEndian(cmos, kMemoryAbove4G, 3, memory.above_4g / (64 * kKiB));
}

}  // namespace

Rtc::Rtc(std::function<Time()> clock, CmosMemory memory) : clock_(std::move(clock)) {
  cmos_[kA] = kDividerAndRate;
  cmos_[kB] = kHours24;
  cmos_[kD] = kValidRam;
  StoreMemorySizes(cmos_, memory);
}

uint8_t Rtc::ReadPort(uint64_t offset) {
  if (offset != 1) return 0xff;  // the index port is write-only
  absl::MutexLock lock(&mutex_);
  return ReadRegisterLocked();
}

void Rtc::WritePort(uint64_t offset, uint8_t value) {
  absl::MutexLock lock(&mutex_);
  if (offset == 0) {
    index_ = value & 0x7f;  // bit 7 masks NMIs on a PC
  } else if (offset == 1) {
    WriteRegisterLocked(value);
  }
}

uint8_t Rtc::ReadRegisterLocked() {
  const bool running = (cmos_[kB] & kSet) == 0;
  if (running && IsTimeRegister(index_)) LatchTimeLocked();
  if (running && index_ == kA) {
    const Time host_now = clock_();  // the guest's clock is whole seconds away from it
    const bool updating = host_now - floor<seconds>(host_now) >= seconds(1) - kUpdateWarning;
    return static_cast<uint8_t>(cmos_[kA] | (updating ? kUpdateInProgress : 0));
  }
  return cmos_[index_];
}

void Rtc::WriteRegisterLocked(uint8_t value) {
  switch (index_) {
    case kA:
      cmos_[kA] = value & static_cast<uint8_t>(~kUpdateInProgress);
      return;
    case kB:
      WriteRegisterBLocked(value);
      return;
    case kC:
    case kD:
      return;  // read-only
    default:
      break;
  }
  const bool sets_running_clock = IsTimeRegister(index_) && (cmos_[kB] & kSet) == 0;
  if (sets_running_clock) LatchTimeLocked();
  cmos_[index_] = value;
  if (sets_running_clock) AdoptTimeLocked();
}

void Rtc::WriteRegisterBLocked(uint8_t value) {
  const bool was_set = (cmos_[kB] & kSet) != 0;
  const bool is_set = (value & kSet) != 0;
  if (!was_set && is_set) LatchTimeLocked();
  cmos_[kB] = value;
  // The format bits that count are those in force when the clock starts.
  if (was_set && !is_set) AdoptTimeLocked();
}

// In seconds, since years that a guest may set are out of reach of 64-bit nanoseconds.
std::chrono::sys_seconds Rtc::NowLocked() const { return floor<seconds>(clock_()) + difference_; }

void Rtc::LatchTimeLocked() {
  const std::chrono::sys_seconds now = NowLocked();
  const auto date = floor<Days>(now);
  const std::chrono::year_month_day ymd(date);
  const std::chrono::hh_mm_ss time(now - date);
  const auto year = static_cast<unsigned>(std::clamp(static_cast<int>(ymd.year()), 0, 9999));
  cmos_[kSeconds] = EncodeLocked(static_cast<unsigned>(time.seconds().count()));
  cmos_[kMinutes] = EncodeLocked(static_cast<unsigned>(time.minutes().count()));
  cmos_[kHours] = EncodeHourLocked(static_cast<unsigned>(time.hours().count()));
  cmos_[kWeekday] = EncodeLocked(std::chrono::weekday(date).c_encoding() + 1);  // Sunday is 1
  cmos_[kDay] = EncodeLocked(static_cast<unsigned>(ymd.day()));
  cmos_[kMonth] = EncodeLocked(static_cast<unsigned>(ymd.month()));
  cmos_[kYear] = EncodeLocked(year % 100);
  cmos_[kRtcCenturyRegister] = EncodeLocked(year / 100);
}

void Rtc::AdoptTimeLocked() {
  const unsigned year = DecodeLocked(cmos_[kRtcCenturyRegister]) * 100 + DecodeLocked(cmos_[kYear]);
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(DecodeLocked(cmos_[kMonth])),
                                         std::chrono::day(DecodeLocked(cmos_[kDay])));
  const unsigned hour = DecodeHourLocked(cmos_[kHours]);
  const unsigned minute = DecodeLocked(cmos_[kMinutes]);
  const unsigned second = DecodeLocked(cmos_[kSeconds]);
  // A guest may write nonsense: the clock then goes on as it was.
  if (!date.ok() || year > 9999 || hour > 23 || minute > 59 || second > 59) return;
  const auto wanted = std::chrono::sys_days(date) + hours(hour) + minutes(minute) + seconds(second);
  difference_ = wanted - floor<seconds>(clock_());
}

uint8_t Rtc::EncodeLocked(unsigned value) const {
  if ((cmos_[kB] & kBinary) != 0) return static_cast<uint8_t>(value);
  return static_cast<uint8_t>((value / 10) << 4 | value % 10);
}

unsigned Rtc::DecodeLocked(uint8_t raw) const {
  if ((cmos_[kB] & kBinary) != 0) return raw;
  return (raw >> 4) * 10u + (raw & 0x0fu);
}

uint8_t Rtc::EncodeHourLocked(unsigned hour) const {
  if ((cmos_[kB] & kHours24) != 0) return EncodeLocked(hour);
  const unsigned on_dial = hour % 12 == 0 ? 12 : hour % 12;
  return static_cast<uint8_t>(EncodeLocked(on_dial) | (hour >= 12 ? kPm : 0));
}

unsigned Rtc::DecodeHourLocked(uint8_t raw) const {
  if ((cmos_[kB] & kHours24) != 0) return DecodeLocked(raw);
  const unsigned on_dial = DecodeLocked(raw & static_cast<uint8_t>(~kPm));
  return on_dial % 12 + ((raw & kPm) != 0 ? 12 : 0);
}

}  // namespace hvkit::devices
