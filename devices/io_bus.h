// Routes port (or MMIO) accesses of the guest to devices by address.
//
// The bus knows address ranges and nothing else: no KVM, no interrupts. String I/O is the caller's
// loop: one call is one access of 1, 2, 4 or 8 bytes.
#ifndef HVKIT_DEVICES_IO_BUS_H_
#define HVKIT_DEVICES_IO_BUS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"

namespace hvkit::devices {

// A device as the bus sees it. The guest is hostile: `offset` is within the registered range, but
// a device accepts any size and any data, and never fails or aborts for what a guest does.
//
// *thread-safe*: vCPU threads call Read and Write at the same time.
class IoDevice {
 public:
  virtual ~IoDevice() = default;

  // A short name for error messages; valid as long as the device.
  [[nodiscard]] virtual const char* Name() const = 0;

  // Fills all of `data`, little-endian, with what the device drives at `offset` from its base.
  virtual void Read(uint64_t offset, std::span<std::byte> data) = 0;

  // Takes `data`, little-endian, written at `offset` from the device's base.
  virtual void Write(uint64_t offset, std::span<const std::byte> data) = 0;
};

// The map from addresses to devices.
//
// *immutable* once vCPUs run: all calls of Add happen before the first Read or Write. Lookups then
// take no lock and allocate nothing. The bus does not own the devices; they outlive it.
class IoBus {
 public:
  // Claims [base, base + length) for `device`. InvalidArgument for an empty range or one that
  // passes the end of the address space; AlreadyExists, naming both devices, for an overlap. One
  // device may hold several ranges.
  [[nodiscard]] absl::Status Add(uint64_t base, uint64_t length, IoDevice& device);

  // Performs a guest's read of data.size() bytes at `addr`. An access that no range contains as a
  // whole fills `data` with 0xff, as a floating bus does, and returns false.
  bool Read(uint64_t addr, std::span<std::byte> data) const;

  // Performs a guest's write. An access that no range contains as a whole is dropped: false.
  bool Write(uint64_t addr, std::span<const std::byte> data) const;

 private:
  struct Range {
    uint64_t base;
    uint64_t last;
    IoDevice* device;
  };

  // The range that contains all of [addr, addr + size), or null.
  const Range* Find(uint64_t addr, uint64_t size) const;

  std::vector<Range> ranges_;  // sorted by base, disjoint
};

}  // namespace hvkit::devices

#endif  // HVKIT_DEVICES_IO_BUS_H_
