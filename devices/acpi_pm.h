// The fixed hardware of ACPI: PM1a event and control blocks, PM timer and reset register
// (ACPI specification 6.4, section 4.8 "ACPI Register Model" and 5.2.9 "FADT").
//
// Guests power off by SLP_EN with the sleep type of S5, and reset through the FADT's reset
// register; Linux checks its TSC calibration against the timer. ACPI mode is always on, there are
// no buttons, no general-purpose events and no wake: the SCI never fires. The tables that tell the
// guest all this come from devices/acpi, with the constants below.
#ifndef HVKIT_DEVICES_ACPI_PM_H_
#define HVKIT_DEVICES_ACPI_PM_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "devices/io_bus.h"

namespace hvkit::devices {

// One block of ports; offsets in it.
inline constexpr uint64_t kAcpiPmBase = 0x600;
inline constexpr uint64_t kAcpiPmPortCount = 0x10;
inline constexpr uint64_t kAcpiPm1Event = 0x0;  // status, then enable
inline constexpr uint64_t kAcpiPm1EventLength = 4;
inline constexpr uint64_t kAcpiPm1Control = 0x4;
inline constexpr uint64_t kAcpiPm1ControlLength = 2;
inline constexpr uint64_t kAcpiPmTimer = 0x8;
inline constexpr uint64_t kAcpiPmTimerLength = 4;
inline constexpr uint64_t kAcpiReset = 0xc;

// What the FADT and the DSDT tell of these registers: the byte that resets, the interrupt, the
// timer's rate.
inline constexpr uint8_t kAcpiResetValue = 0x06;
inline constexpr uint8_t kAcpiS5SleepType = 5;  // \_S5 in the DSDT
inline constexpr uint8_t kAcpiSciInterrupt = 9;
inline constexpr uint64_t kAcpiPmTimerHz = 3579545;

// What the guest can ask of the machine, and the clock behind the timer.
struct AcpiPmHost {
  std::function<void()> power_off;
  std::function<void()> reset;
  std::function<std::chrono::nanoseconds()> clock;  // monotonic; any epoch
};

// *thread-safe*: mutex_ guards the registers; the timer takes no lock. The host's functions run
// unlocked on the accessing vCPU's thread and must be thread-safe.
class AcpiPm final : public IoDevice {
 public:
  explicit AcpiPm(AcpiPmHost host);

  [[nodiscard]] const char* Name() const override { return "acpi-pm"; }
  void Read(uint64_t offset, std::span<std::byte> data) override;
  void Write(uint64_t offset, std::span<const std::byte> data) override;

 private:
  enum class Action { kNone, kPowerOff, kReset };

  uint32_t TimerNow() const;
  uint8_t ReadByte(uint64_t offset) ABSL_LOCKS_EXCLUDED(mutex_);
  Action WriteByte(uint64_t offset, uint8_t value) ABSL_LOCKS_EXCLUDED(mutex_);
  Action WriteControlHigh(uint8_t value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Perform(Action action) const;

  const AcpiPmHost host_;
  const std::chrono::nanoseconds timer_start_;

  absl::Mutex mutex_;
  uint16_t enable_ ABSL_GUARDED_BY(mutex_) = 0;
  uint16_t control_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hvkit::devices

#endif  // HVKIT_DEVICES_ACPI_PM_H_
