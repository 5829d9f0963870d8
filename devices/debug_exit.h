// The isa-debug-exit port of QEMU (hw/misc/debugexit.c): a guest writes a value and the VMM ends.
//
// Test guests rely on it (kvm-unit-tests, hvkit's own). It only reports the value: ending the
// process is the VMM's.
#ifndef HVKIT_DEVICES_DEBUG_EXIT_H_
#define HVKIT_DEVICES_DEBUG_EXIT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "devices/io_bus.h"

namespace hvkit::devices {

// Where QEMU's isa-debug-exit usually is, and how many ports it takes.
inline constexpr uint64_t kDebugExitDefaultPort = 0xf4;
inline constexpr uint64_t kDebugExitPortCount = 4;

// The exit status of a VMM whose guest wrote `value`, as QEMU's: never 0. A process passes on only
// the low eight bits, so 0x00 and 0x80 give the same.
[[nodiscard]] constexpr int DebugExitStatus(uint32_t value) {
  return static_cast<int>(((value << 1) | 1) & 0xff);
}

// A write of 1, 2 or 4 bytes at offset 0 reports the zero-extended value; other writes are
// ignored. Reads give 0.
//
// *thread-safe*: no state; `on_exit` runs on the writing vCPU's thread, on each write, and must
// itself be thread-safe.
class DebugExit final : public IoDevice {
 public:
  explicit DebugExit(std::function<void(uint32_t value)> on_exit);

  [[nodiscard]] const char* Name() const override { return "isa-debug-exit"; }
  void Read(uint64_t offset, std::span<std::byte> data) override;
  void Write(uint64_t offset, std::span<const std::byte> data) override;

 private:
  const std::function<void(uint32_t)> on_exit_;
};

}  // namespace hvkit::devices

#endif  // HVKIT_DEVICES_DEBUG_EXIT_H_
