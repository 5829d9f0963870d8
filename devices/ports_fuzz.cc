// A guest that does anything with the ports of the PC's devices, and a console that sends input
// meanwhile. Held: an access that no device claims reads as a floating bus, and the serial port
// takes no more input than it is given.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/acpi_pm.h"
#include "devices/debug_exit.h"
#include "devices/i8042.h"
#include "devices/io_bus.h"
#include "devices/rtc.h"
#include "devices/serial.h"
#include "devices/test_claims.h"
#include "testing/fuzz/fuzz_input.h"
#include "testing/fuzz/fuzz_target.h"

namespace hvkit::devices {
namespace {

using testing::FuzzInput;
using testing::Require;

class Machine {
 public:
  Machine() {
    const std::array<IoDevice*, kClaims.size()> devices = {
        &i8042_.data_port(), &i8042_.command_port(), &rtc_, &debug_exit_, &serial_, &acpi_pm_};
    for (size_t i = 0; i < kClaims.size(); ++i) {
      Require(bus_.Add(kClaims[i].base, kClaims[i].length, *devices[i]).ok(), "claims are apart");
    }
  }

  void Step(FuzzInput& input) {
    const size_t step = input.Below(16);
    switch (step) {
      case 0:
        time_ += std::chrono::nanoseconds(uint64_t{input.Take<uint32_t>()} << input.Below(16));
        break;
      case 1:
        Type(input.TakeBytes(input.Below(40)));
        break;
      case 2:
      case 3:
      case 4:
      case 5: {
        const uint64_t address = TakeAddress(input);
        Read(address, input.Below(9));
        break;
      }
      default: {
        const uint64_t address = TakeAddress(input);
        bus_.Write(address, input.TakeBytes(size_t{1} << input.Below(4)));
        break;
      }
    }
  }

 private:
  // In or just beside a device, or anywhere.
  static uint64_t TakeAddress(FuzzInput& input) {
    const size_t choice = input.Below(kClaims.size() + 1);
    if (choice == kClaims.size()) return input.Take<uint64_t>();
    const Claim& claim = kClaims[choice];
    return claim.base + input.Below(claim.length + 2) - 1;
  }

  void Read(uint64_t address, size_t size) {
    std::array<std::byte, 8> data{};
    const std::span<std::byte> access = std::span(data).first(size);
    if (bus_.Read(address, access)) return;
    Require(std::ranges::count(access, std::byte{0xff}) == std::ssize(access),
            "what nobody claims reads as ones");
  }

  void Type(std::span<const std::byte> text) {
    Require(serial_.Enqueue(text) <= text.size(), "the port takes at most what is there");
  }

  std::chrono::nanoseconds time_{0};
  I8042 i8042_{[] {}};
  Rtc rtc_{[this] { return Rtc::Time(time_); }, CmosMemory{}};
  DebugExit debug_exit_{[](uint32_t) {}};
  Serial serial_{SerialHost{.output = [](std::span<const std::byte>) {}, .interrupt = [](bool) {}}};
  AcpiPm acpi_pm_{
      AcpiPmHost{.power_off = [] {}, .reset = [] {}, .clock = [this] { return time_; }}};
  IoBus bus_;
};

}  // namespace
}  // namespace hvkit::devices

void hvkit::testing::FuzzOne(std::span<const std::byte> input) {
  FuzzInput fields(input);
  devices::Machine machine;
  while (!fields.empty()) machine.Step(fields);
}
