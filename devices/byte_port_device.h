// Base of devices whose registers are one byte wide, as all ISA legacy devices' are.
//
// It does what the ISA bus does for such a device: an access of n bytes becomes n accesses to
// consecutive ports, lowest first.
#ifndef HVKIT_DEVICES_BYTE_PORT_DEVICE_H_
#define HVKIT_DEVICES_BYTE_PORT_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/io_bus.h"

namespace hvkit::devices {

// *thread-safe* if ReadPort and WritePort are; keeps no state. A wide access is not atomic.
class BytePortDevice : public IoDevice {
 public:
  void Read(uint64_t offset, std::span<std::byte> data) final {
    for (std::byte& b : data) b = std::byte{ReadPort(offset++)};
  }

  void Write(uint64_t offset, std::span<const std::byte> data) final {
    for (const std::byte b : data) WritePort(offset++, std::to_integer<uint8_t>(b));
  }

 private:
  // One port of the device. An offset with no register reads 0xff and ignores writes.
  virtual uint8_t ReadPort(uint64_t offset) = 0;
  virtual void WritePort(uint64_t offset, uint8_t value) = 0;
};

}  // namespace hvkit::devices

#endif  // HVKIT_DEVICES_BYTE_PORT_DEVICE_H_
