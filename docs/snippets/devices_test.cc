// Snippets of docs/packages/devices.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "devices/io_bus.h"
#include "devices/serial.h"

namespace hvkit::devices {
namespace {

// snippet: device
// Whatever is written can be read back. The guest may use any size: nothing here may fail.
class Latch final : public IoDevice {
 public:
  const char* Name() const override { return "latch"; }
  void Read(uint64_t, std::span<std::byte> data) override { std::ranges::fill(data, value_); }
  void Write(uint64_t, std::span<const std::byte> data) override { value_ = data.front(); }

 private:
  std::byte value_{};
};
// end

TEST(DevicesPage, Bus) {
  std::string printed;
  // snippet: bus
  Latch latch;
  Serial serial({.output =
                     [&](std::span<const std::byte> bytes) {
                       for (const std::byte byte : bytes) printed += std::to_integer<char>(byte);
                     },
                 .interrupt = [](bool) {}});
  IoBus ports;
  absl::Status added = ports.Add(0x80, 1, latch);
  added.Update(ports.Add(kCom1Base, kSerialPortCount, serial));
  // Then, for each access of a guest:
  const std::array<std::byte, 1> letter{std::byte{'x'}};
  const bool claimed = ports.Write(kCom1Base, letter);
  // end
  EXPECT_TRUE(added.ok());
  EXPECT_TRUE(claimed);
  EXPECT_EQ(printed, "x");
  EXPECT_TRUE(ports.Write(0x80, letter));
  std::array<std::byte, 1> read{};
  EXPECT_TRUE(ports.Read(0x80, read));
  EXPECT_EQ(read, letter);
  EXPECT_FALSE(ports.Read(0x81, read));
}

}  // namespace
}  // namespace hvkit::devices
