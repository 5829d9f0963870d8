// The PS/2 keyboard controller (Intel 8042 as in the IBM PC AT and PS/2 technical references),
// with nothing plugged in.
//
// Guests rely on it for reset (command 0xfe, Linux's reboot=k and its fallback after ACPI), and
// Linux's i8042 driver probes it: every command that answers, answers at once, so no probe waits
// for a timeout. It has no keyboard, no mouse and no interrupts; the A20 gate is always open.
#ifndef HVKIT_DEVICES_I8042_H_
#define HVKIT_DEVICES_I8042_H_

#include <array>
#include <cstdint>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "devices/byte_port_device.h"

namespace hvkit::devices {

// A PC's ports.
inline constexpr uint64_t kI8042DataPort = 0x60;
inline constexpr uint64_t kI8042CommandPort = 0x64;  // status on reads

// The controller. Its two ports are not neighbours (0x61 is the PIT's), so it is two devices on
// the bus, each one byte long: data_port() at 0x60 and command_port() at 0x64.
//
// *thread-safe*: mutex_ guards the registers. `on_reset` runs unlocked on the writing vCPU's
// thread, each time the guest pulls the reset line, and must itself be thread-safe.
class I8042 {
 public:
  explicit I8042(std::function<void()> on_reset);
  I8042(const I8042&) = delete;
  I8042& operator=(const I8042&) = delete;

  // The two devices, for the bus; they live as long as the controller.
  [[nodiscard]] IoDevice& data_port() { return data_port_; }
  [[nodiscard]] IoDevice& command_port() { return command_port_; }

 private:
  enum class Action { kNone, kReset };

  // One of the two ports: forwards to a pair of the controller's methods.
  class Port final : public BytePortDevice {
   public:
    using ReadMethod = uint8_t (I8042::*)();
    using WriteMethod = void (I8042::*)(uint8_t);
    Port(const char* name, I8042& owner, ReadMethod read, WriteMethod write)
        : name_(name), owner_(owner), read_(read), write_(write) {}
    [[nodiscard]] const char* Name() const override { return name_; }

   private:
    uint8_t ReadPort(uint64_t offset) override { return offset == 0 ? (owner_.*read_)() : 0xff; }
    void WritePort(uint64_t offset, uint8_t value) override {
      if (offset == 0) (owner_.*write_)(value);
    }

    const char* const name_;
    I8042& owner_;
    const ReadMethod read_;
    const WriteMethod write_;
  };

  uint8_t ReadData();
  uint8_t ReadStatus();
  void WriteData(uint8_t value);
  void WriteCommand(uint8_t command);

  Action RunCommandLocked(uint8_t command) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Action RunOperandLocked(uint8_t command, uint8_t value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReplyLocked(uint8_t value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Perform(Action action) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::function<void()> on_reset_;
  Port data_port_{"i8042 data", *this, &I8042::ReadData, &I8042::WriteData};
  Port command_port_{"i8042 command", *this, &I8042::ReadStatus, &I8042::WriteCommand};

  absl::Mutex mutex_;
  // Byte 0 of the controller's RAM is the configuration byte.
  std::array<uint8_t, 32> ram_ ABSL_GUARDED_BY(mutex_);
  uint8_t output_ ABSL_GUARDED_BY(mutex_) = 0;
  uint8_t status_ ABSL_GUARDED_BY(mutex_);
  uint8_t operand_of_ ABSL_GUARDED_BY(mutex_) = 0;  // command that awaits a data byte; 0: none
};

}  // namespace hvkit::devices

#endif  // HVKIT_DEVICES_I8042_H_
