// The real-time clock and CMOS memory of a PC (Motorola MC146818A data sheet; the bytes from 0x10
// up as PC BIOSes use them).
//
// Linux reads the time of day at boot and sets it at shutdown; BIOS-less loaders and old guests
// read the memory sizes. No interrupts: alarm, periodic and update interrupts never fire, and
// register C reads 0.
#ifndef HVKIT_DEVICES_RTC_H_
#define HVKIT_DEVICES_RTC_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "devices/byte_port_device.h"

namespace hvkit::devices {

inline constexpr uint64_t kRtcBase = 0x70;  // index; 0x71 is data
// How many ports it takes, and where the century is, which is not in the chip's own registers.
inline constexpr uint64_t kRtcPortCount = 2;
inline constexpr uint8_t kRtcCenturyRegister = 0x32;  // FADT.CENTURY

// RAM sizes in bytes that the CMOS tells.
struct CmosMemory {
  uint64_t below_4g = 0;  // of it, the first 640 KiB are base memory
  uint64_t above_4g = 0;
};

// *thread-safe*: mutex_ guards the registers. `clock` is called under it and must not call back.
class Rtc final : public BytePortDevice {
 public:
  // UTC.
  using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

  // `clock` tells the time of day, in UTC. What the guest sets is kept as a difference from it.
  Rtc(std::function<Time()> clock, CmosMemory memory);

  [[nodiscard]] const char* Name() const override { return "rtc"; }

 private:
  uint8_t ReadPort(uint64_t offset) override;
  void WritePort(uint64_t offset, uint8_t value) override;

  uint8_t ReadRegisterLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteRegisterLocked(uint8_t value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteRegisterBLocked(uint8_t value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The guest's time, and the time registers' two conversions from and to it.
  std::chrono::sys_seconds NowLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LatchTimeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AdoptTimeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  uint8_t EncodeLocked(unsigned value) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  unsigned DecodeLocked(uint8_t raw) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint8_t EncodeHourLocked(unsigned hour) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  unsigned DecodeHourLocked(uint8_t raw) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::function<Time()> clock_;

  absl::Mutex mutex_;
  uint8_t index_ ABSL_GUARDED_BY(mutex_) = 0;  // < 128
  // Registers and NVRAM. The time registers hold the time of the last latch, or what the guest
  // writes while it stops the clock to set it.
  std::array<uint8_t, 128> cmos_ ABSL_GUARDED_BY(mutex_) = {};
  std::chrono::seconds difference_ ABSL_GUARDED_BY(mutex_){0};
};

}  // namespace hvkit::devices

#endif  // HVKIT_DEVICES_RTC_H_
