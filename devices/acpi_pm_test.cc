#include "devices/acpi_pm.h"

#include <array>
#include <cstring>

#include "gtest/gtest.h"

namespace hvkit::devices {
namespace {

using std::chrono::hours;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr uint16_t kSleepS5 = (1 << 13) | (kAcpiS5SleepType << 10);

class AcpiPmTest : public ::testing::Test {
 protected:
  template <typename T>
  T Read(uint64_t offset) {
    std::array<std::byte, sizeof(T)> bytes{};
    pm_.Read(offset, bytes);
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  template <typename T>
  void Write(uint64_t offset, T value) {
    std::array<std::byte, sizeof(T)> bytes;
    std::memcpy(bytes.data(), &value, sizeof(T));
    pm_.Write(offset, bytes);
  }

  int power_offs_ = 0;
  int resets_ = 0;
  nanoseconds now_ = hours(1000);
  AcpiPm pm_{AcpiPmHost{.power_off = [this] { ++power_offs_; },
                        .reset = [this] { ++resets_; },
                        .clock = [this] { return now_; }}};
};

TEST_F(AcpiPmTest, ControlReadsSciEnabled) { EXPECT_EQ(Read<uint16_t>(kAcpiPm1Control), 1); }

TEST_F(AcpiPmTest, SciEnableCannotBeCleared) {
  Write<uint16_t>(kAcpiPm1Control, 0);

  EXPECT_EQ(Read<uint16_t>(kAcpiPm1Control), 1);
}

TEST_F(AcpiPmTest, SleepTypeReadsBackAndSleepEnableDoesNot) {
  Write<uint16_t>(kAcpiPm1Control, (1 << 13) | (3 << 10));

  EXPECT_EQ(Read<uint16_t>(kAcpiPm1Control), (3 << 10) | 1);
}

TEST_F(AcpiPmTest, SleepEnableWithTypeOfS5PowersOff) {
  Write<uint16_t>(kAcpiPm1Control, kSleepS5);

  EXPECT_EQ(power_offs_, 1);
  EXPECT_EQ(resets_, 0);
}

TEST_F(AcpiPmTest, HighByteAlonePowersOff) {
  Write<uint8_t>(kAcpiPm1Control + 1, kSleepS5 >> 8);

  EXPECT_EQ(power_offs_, 1);
}

TEST_F(AcpiPmTest, TypeOfS5WithoutSleepEnableDoesNotPowerOff) {
  Write<uint16_t>(kAcpiPm1Control, kAcpiS5SleepType << 10);

  EXPECT_EQ(power_offs_, 0);
}

TEST_F(AcpiPmTest, SleepEnableWithOtherTypeDoesNotPowerOff) {
  Write<uint16_t>(kAcpiPm1Control, (1 << 13) | (1 << 10));

  EXPECT_EQ(power_offs_, 0);
}

TEST_F(AcpiPmTest, ResetValueResets) {
  Write<uint8_t>(kAcpiReset, kAcpiResetValue);

  EXPECT_EQ(resets_, 1);
}

TEST_F(AcpiPmTest, OtherValueInResetRegisterDoesNotReset) {
  Write<uint8_t>(kAcpiReset, 0);

  EXPECT_EQ(resets_, 0);
}

TEST_F(AcpiPmTest, EnableReadsBackWhole) {
  Write<uint16_t>(kAcpiPm1Event + 2, 0x4321);

  EXPECT_EQ(Read<uint16_t>(kAcpiPm1Event + 2), 0x4321);
}

TEST_F(AcpiPmTest, StatusReadsZeroWhateverIsWritten) {
  Write<uint16_t>(kAcpiPm1Event, 0xffff);

  EXPECT_EQ(Read<uint16_t>(kAcpiPm1Event), 0);
}

TEST_F(AcpiPmTest, TimerStartsAtZero) { EXPECT_EQ(Read<uint32_t>(kAcpiPmTimer), 0u); }

TEST_F(AcpiPmTest, TimerCountsAtItsFrequency) {
  now_ += seconds(2) + nanoseconds(500'000'000);

  EXPECT_EQ(Read<uint32_t>(kAcpiPmTimer), kAcpiPmTimerHz * 5 / 2);
}

TEST_F(AcpiPmTest, TimerWrapsAt32Bits) {
  now_ += hours(10);

  EXPECT_EQ(Read<uint32_t>(kAcpiPmTimer), static_cast<uint32_t>(kAcpiPmTimerHz * 36000));
}

TEST_F(AcpiPmTest, TimerIgnoresWrites) {
  Write<uint32_t>(kAcpiPmTimer, 0xffffffff);

  EXPECT_EQ(Read<uint32_t>(kAcpiPmTimer), 0u);
}

TEST_F(AcpiPmTest, GapsReadFloating) { EXPECT_EQ(Read<uint16_t>(0x6), 0xffff); }

}  // namespace
}  // namespace hvkit::devices
