// Random port accesses of every size at and around every device: nothing crashes (run it under the
// sanitizers too), and afterwards each device still serves a well-behaved guest.

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <thread>

#include "devices/acpi_pm.h"
#include "devices/debug_exit.h"
#include "devices/i8042.h"
#include "devices/io_bus.h"
#include "devices/rtc.h"
#include "devices/serial.h"
#include "devices/test_claims.h"
#include "devices/uart16550.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/status_matchers.h"

namespace hvkit::devices {
namespace {

using ::testing::Each;

constexpr int kAccesses = 30'000;

// All devices on one bus, on hosts that only count.
class HostileGuest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::array<IoDevice*, kClaims.size()> devices = {
        &i8042_.data_port(), &i8042_.command_port(), &rtc_, &debug_exit_, &serial_, &acpi_pm_};
    for (size_t i = 0; i < kClaims.size(); ++i) {
      ASSERT_OK(bus_.Add(kClaims[i].base, kClaims[i].length, *devices[i]));
    }
  }

  // What one vCPU does that runs wild.
  void RunWild(uint64_t seed) {
    std::mt19937_64 random(seed);
    for (int i = 0; i < kAccesses; ++i) AccessAtRandom(random);
  }

  uint8_t In(uint64_t port) {
    std::array<std::byte, 1> data{};
    bus_.Read(port, data);
    return std::to_integer<uint8_t>(data[0]);
  }
  void Out(uint64_t port, uint8_t value) { bus_.Write(port, std::array{std::byte{value}}); }

  std::atomic<uint64_t> output_bytes_ = 0;
  I8042 i8042_{[] {}};
  Rtc rtc_{[this] { return wall_ += std::chrono::microseconds(77); }, CmosMemory{}};
  DebugExit debug_exit_{[](uint32_t) {}};
  Serial serial_{SerialHost{
      .output = [this](std::span<const std::byte> bytes) { output_bytes_ += bytes.size(); },
      .interrupt = [](bool) {}}};
  AcpiPm acpi_pm_{AcpiPmHost{.power_off = [] {},
                             .reset = [] {},
                             .clock = [this] { return std::chrono::seconds(up_ += 5); }}};
  IoBus bus_;

 private:
  // Mostly in or just beside a device, sometimes anywhere in 64 bits.
  static uint64_t RandomAddress(std::mt19937_64& random) {
    if (random() % 64 == 0) return random();
    const Claim& claim = kClaims[random() % kClaims.size()];
    return claim.base + random() % (claim.length + 2) - 1;
  }

  void AccessAtRandom(std::mt19937_64& random) {
    std::array<std::byte, 8> data;
    for (std::byte& b : data) b = static_cast<std::byte>(random());
    const std::span<std::byte> access(data.data(), size_t{1} << random() % 4);
    const uint64_t address = RandomAddress(random);
    switch (random() % 8) {
      case 0:
        EXPECT_LE(serial_.Enqueue(access), access.size());
        break;
      case 1:
      case 2:
      case 3:
        if (!bus_.Read(address, access)) {
          EXPECT_THAT(access, Each(std::byte{0xff}));
        }
        break;
      default:
        bus_.Write(address, access);
        break;
    }
  }

  Rtc::Time wall_{};  // the RTC asks for it under its lock
  std::atomic<int64_t> up_ = 0;
};

class HostileGuestTest : public HostileGuest, public ::testing::WithParamInterface<uint64_t> {
 protected:
  void SetUp() override {
    HostileGuest::SetUp();
    RunWild(GetParam());
  }
};

TEST_P(HostileGuestTest, SerialStillSendsAndReceives) {
  Out(kCom1Base + kUartLineControl, 0x03);
  Out(kCom1Base + kUartModemControl, 0x0b);
  Out(kCom1Base + kUartInterruptId, 0x00);
  Out(kCom1Base + kUartInterruptId, 0x01);
  const uint64_t before = output_bytes_;

  Out(kCom1Base + kUartData, 'x');
  EXPECT_EQ(serial_.Enqueue(std::array{std::byte{'y'}}), 1u);

  EXPECT_EQ(output_bytes_, before + 1);
  EXPECT_EQ(In(kCom1Base + kUartData), 'y');
}

TEST_P(HostileGuestTest, I8042StillPassesItsSelfTest) {
  Out(kI8042CommandPort, 0xaa);

  EXPECT_EQ(In(kI8042DataPort), 0x55);
}

TEST_P(HostileGuestTest, RtcStillTellsAValidDate) {
  Out(kRtcBase, 0x0b);
  Out(kRtcBase + 1, 0x06);

  Out(kRtcBase, 0x08);
  const unsigned month = In(kRtcBase + 1);

  EXPECT_TRUE(month >= 1 && month <= 12) << month;
}

TEST_P(HostileGuestTest, AcpiModeIsStillOn) { EXPECT_EQ(In(kAcpiPmBase + kAcpiPm1Control) & 1, 1); }

class HostileGuestThreadsTest : public HostileGuest {};

TEST_F(HostileGuestThreadsTest, TwoVcpusAtOnceLeaveDevicesWorking) {
  std::thread one([this] { RunWild(4); });
  std::thread two([this] { RunWild(5); });
  one.join();
  two.join();

  Out(kI8042CommandPort, 0xaa);
  EXPECT_EQ(In(kI8042DataPort), 0x55);
}

INSTANTIATE_TEST_SUITE_P(Seeds, HostileGuestTest, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace hvkit::devices
