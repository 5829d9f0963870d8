#include "devices/rtc.h"

#include <array>

#include "gtest/gtest.h"

namespace hvkit::devices {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;

// Saturday, 29 February 2020, 23:59:58 UTC.
constexpr Rtc::Time kLeapEvening = std::chrono::sys_days(std::chrono::year(2020) / 2 / 29) +
                                   std::chrono::hours(23) + std::chrono::minutes(59) + seconds(58);

class RtcTest : public ::testing::Test {
 protected:
  uint8_t ReadPort(uint64_t offset) {
    std::array<std::byte, 1> data{};
    rtc_.Read(offset, data);
    return std::to_integer<uint8_t>(data[0]);
  }
  void WritePort(uint64_t offset, uint8_t value) {
    rtc_.Write(offset, std::array{std::byte{value}});
  }
  uint8_t Get(uint8_t index) {
    WritePort(0, index);
    return ReadPort(1);
  }
  void Set(uint8_t index, uint8_t value) {
    WritePort(0, index);
    WritePort(1, value);
  }
  unsigned Get16(uint8_t index) {
    return unsigned{Get(index)} | unsigned{Get(static_cast<uint8_t>(index + 1))} << 8;
  }

  Rtc::Time now_ = kLeapEvening;
  Rtc rtc_{[this] { return now_; }, CmosMemory{.below_4g = 3 * kGiB, .above_4g = 5 * kGiB}};
};

TEST_F(RtcTest, TimeAtResetIsBcdIn24Hours) {
  EXPECT_EQ(Get(0x0b), 0x02);
  EXPECT_EQ(Get(0x00), 0x58);
  EXPECT_EQ(Get(0x02), 0x59);
  EXPECT_EQ(Get(0x04), 0x23);
}

TEST_F(RtcTest, DateAtResetHasCenturyAndWeekday) {
  EXPECT_EQ(Get(0x06), 0x07);
  EXPECT_EQ(Get(0x07), 0x29);
  EXPECT_EQ(Get(0x08), 0x02);
  EXPECT_EQ(Get(0x09), 0x20);
  EXPECT_EQ(Get(0x32), 0x20);
}

TEST_F(RtcTest, TimeFollowsClockAcrossMonthEnd) {
  now_ += seconds(2);

  EXPECT_EQ(Get(0x00), 0x00);
  EXPECT_EQ(Get(0x04), 0x00);
  EXPECT_EQ(Get(0x07), 0x01);
  EXPECT_EQ(Get(0x08), 0x03);
}

TEST_F(RtcTest, BinaryModeReadsPlainNumbers) {
  Set(0x0b, 0x06);

  EXPECT_EQ(Get(0x00), 58);
  EXPECT_EQ(Get(0x04), 23);
  EXPECT_EQ(Get(0x32), 20);
}

struct HourCase {
  int hour;
  uint8_t bcd;
  uint8_t binary;
};

class Rtc12HourTest : public RtcTest, public ::testing::WithParamInterface<HourCase> {
 protected:
  void SetUp() override {
    now_ = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1) +
           std::chrono::hours(GetParam().hour);
  }
};

TEST_P(Rtc12HourTest, HourReadsOnDialWithPmBit) {
  Set(0x0b, 0x00);
  EXPECT_EQ(Get(0x04), GetParam().bcd);

  Set(0x0b, 0x04);

  EXPECT_EQ(Get(0x04), GetParam().binary);
}

TEST_P(Rtc12HourTest, HourWrittenOnDialReadsBackIn24Hours) {
  Set(0x0b, 0x04);
  Set(0x04, GetParam().binary);

  Set(0x0b, 0x06);

  EXPECT_EQ(Get(0x04), GetParam().hour);
}

INSTANTIATE_TEST_SUITE_P(Hours, Rtc12HourTest,
                         ::testing::Values(HourCase{0, 0x12, 12}, HourCase{1, 0x01, 1},
                                           HourCase{11, 0x11, 11}, HourCase{12, 0x92, 0x8c},
                                           HourCase{13, 0x81, 0x81}, HourCase{23, 0x91, 0x8b}));

TEST_F(RtcTest, ClockStandsStillWhileSetBitIsOn) {
  Set(0x0b, 0x82);
  now_ += seconds(1);

  EXPECT_EQ(Get(0x00), 0x58);
}

TEST_F(RtcTest, TimeSetWhileStoppedRunsOnFromThere) {
  Set(0x0b, 0x82);
  Set(0x00, 0x30);
  Set(0x02, 0x10);
  Set(0x04, 0x08);
  Set(0x07, 0x15);
  Set(0x08, 0x06);
  Set(0x09, 0x99);
  Set(0x32, 0x19);
  Set(0x0b, 0x02);
  now_ += seconds(5);

  EXPECT_EQ(Get(0x00), 0x35);
  EXPECT_EQ(Get(0x02), 0x10);
  EXPECT_EQ(Get(0x04), 0x08);
  EXPECT_EQ(Get(0x07), 0x15);
  EXPECT_EQ(Get(0x09), 0x99);
  EXPECT_EQ(Get(0x32), 0x19);
}

TEST_F(RtcTest, TimeWrittenWhileRunningIsAdopted) {
  Set(0x02, 0x30);
  now_ += seconds(3);

  EXPECT_EQ(Get(0x02), 0x31);
  EXPECT_EQ(Get(0x00), 0x01);
}

TEST_F(RtcTest, NonsenseTimeIsDropped) {
  Set(0x0b, 0x82);
  Set(0x08, 0x77);
  Set(0x0b, 0x02);

  EXPECT_EQ(Get(0x08), 0x02);
}

TEST_F(RtcTest, FarthestYearIsKept) {
  Set(0x0b, 0x82);
  Set(0x09, 0x99);
  Set(0x32, 0x99);
  Set(0x07, 0x28);
  Set(0x0b, 0x02);

  EXPECT_EQ(Get(0x32), 0x99);
  EXPECT_EQ(Get(0x09), 0x99);
}

TEST_F(RtcTest, UpdateFlagIsClearEarlyInSecond) { EXPECT_EQ(Get(0x0a), 0x26); }

TEST_F(RtcTest, UpdateFlagRisesShortlyBeforeNextSecondAndFalls) {
  now_ += seconds(1) - microseconds(244);
  EXPECT_EQ(Get(0x0a), 0xa6);

  now_ += microseconds(244);

  EXPECT_EQ(Get(0x0a), 0x26);
}

TEST_F(RtcTest, UpdateFlagStaysClearWhileClockIsStopped) {
  Set(0x0b, 0x82);
  now_ += seconds(1) - microseconds(1);

  EXPECT_EQ(Get(0x0a), 0x26);
}

TEST_F(RtcTest, UpdateFlagCannotBeWritten) {
  Set(0x0a, 0xff);

  EXPECT_EQ(Get(0x0a), 0x7f);
}

TEST_F(RtcTest, RegistersCAndDAreReadOnly) {
  Set(0x0c, 0xff);
  Set(0x0d, 0x00);

  EXPECT_EQ(Get(0x0c), 0x00);
  EXPECT_EQ(Get(0x0d), 0x80);
}

TEST_F(RtcTest, ShutdownByteAndNvramReadBack) {
  Set(0x0f, 0x0a);
  Set(0x7f, 0x5a);

  EXPECT_EQ(Get(0x0f), 0x0a);
  EXPECT_EQ(Get(0x7f), 0x5a);
}

TEST_F(RtcTest, NmiBitOfIndexIsMasked) {
  Set(0x8f, 0x0a);

  EXPECT_EQ(Get(0x0f), 0x0a);
}

TEST_F(RtcTest, IndexPortReadsFloating) { EXPECT_EQ(ReadPort(0), 0xff); }

TEST_F(RtcTest, WideWriteSetsIndexThenData) {
  rtc_.Write(0, std::array{std::byte{0x40}, std::byte{0x77}});

  EXPECT_EQ(Get(0x40), 0x77);
}

TEST_F(RtcTest, MemorySizesAreTold) {
  EXPECT_EQ(Get16(0x15), 640u);
  EXPECT_EQ(Get16(0x17), 0xffffu);  // saturated
  EXPECT_EQ(Get16(0x30), 0xffffu);
  EXPECT_EQ(Get16(0x34), (3 * kGiB - 16 * kMiB) >> 16);
  EXPECT_EQ(Get16(0x5b) | unsigned{Get(0x5d)} << 16, (5 * kGiB) >> 16);
}

TEST(RtcMemoryTest, SmallMemoryDoesNotUnderflow) {
  Rtc rtc([] { return kLeapEvening; }, CmosMemory{.below_4g = kMiB / 2});
  std::array<std::byte, 1> high{};
  rtc.Write(0, std::array{std::byte{0x35}});

  rtc.Read(1, high);

  EXPECT_EQ(high[0], std::byte{0});
}

TEST(RtcMemoryTest, ClockBeforeTheEpochReadsAsDate) {
  Rtc rtc([] { return Rtc::Time(-seconds(1)); }, CmosMemory{});
  std::array<std::byte, 1> year{};
  rtc.Write(0, std::array{std::byte{0x09}});

  rtc.Read(1, year);

  EXPECT_EQ(year[0], std::byte{0x69});
}

}  // namespace
}  // namespace hvkit::devices
