// A PC serial port: a 16550A UART on the I/O bus, with a byte sink, a bounded byte source and an
// interrupt line.
//
// Registers: see uart16550.h. Guests rely on it as console; Linux's user space on ttyS0 needs the
// transmitter's interrupt as well as the receiver's.
#ifndef HVKIT_DEVICES_SERIAL_H_
#define HVKIT_DEVICES_SERIAL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "devices/byte_port_device.h"
#include "devices/interrupt_line.h"
#include "devices/uart16550.h"

namespace hvkit::devices {

// A PC's first serial port.
inline constexpr uint64_t kCom1Base = 0x3f8;
inline constexpr uint32_t kCom1Interrupt = 4;  // edge-triggered, active high
inline constexpr uint64_t kSerialPortCount = 8;

// Where a serial port's signals go. All are called without a lock of the port held, so they may
// call it; they run on the thread that caused them, and may run on several at a time, but for
// `interrupt`, whose calls never overlap.
struct SerialHost {
  std::function<void(std::span<const std::byte> bytes)> output;
  std::function<void(bool level)> interrupt;
  // The guest has read everything, and an earlier Enqueue took less than it was given: try again.
  std::function<void()> input_wanted = [] {};
};

// *thread-safe*: vCPU threads access the ports while another thread enqueues input. mutex_ guards
// the registers; what a change causes outside is collected under it and done after unlocking.
class Serial final : public BytePortDevice {
 public:
  explicit Serial(SerialHost host);

  [[nodiscard]] const char* Name() const override { return "serial"; }

  // Takes input for the guest and returns how many bytes were taken: at most the receiver's free
  // room, 0 while the guest has the UART in loopback mode. If not all were, `input_wanted` follows.
  [[nodiscard]] size_t Enqueue(std::span<const std::byte> input) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // What is to be done after unlocking.
  struct Action {
    bool line_changed = false;
    bool wants_input = false;
  };

  uint8_t ReadPort(uint64_t offset) override ABSL_LOCKS_EXCLUDED(mutex_);
  void WritePort(uint64_t offset, uint8_t value) override ABSL_LOCKS_EXCLUDED(mutex_);

  Action SettleLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Perform(Action action) ABSL_LOCKS_EXCLUDED(mutex_);

  const SerialHost host_;
  InterruptLine line_;

  absl::Mutex mutex_;
  Uart16550 uart_ ABSL_GUARDED_BY(mutex_);
  bool line_level_ ABSL_GUARDED_BY(mutex_) = false;
  bool input_waits_ ABSL_GUARDED_BY(mutex_) = false;  // an Enqueue was cut short
};

}  // namespace hvkit::devices

#endif  // HVKIT_DEVICES_SERIAL_H_
