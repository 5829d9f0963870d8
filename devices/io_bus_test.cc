#include "devices/io_bus.h"

#include <array>
#include <limits>

#include "devices/fake_io_device.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/status_matchers.h"

namespace hvkit::devices {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kTop = std::numeric_limits<uint64_t>::max();
constexpr std::byte kFloating{0xff};

class IoBusTest : public ::testing::Test {
 protected:
  IoBus bus_;
  FakeIoDevice first_{"first", std::byte{0x11}};
  FakeIoDevice second_{"second", std::byte{0x22}};
};

TEST_F(IoBusTest, ReadInRangeReachesDeviceWithOffset) {
  ASSERT_OK(bus_.Add(0x3f8, 8, first_));
  std::array<std::byte, 2> data{};

  EXPECT_TRUE(bus_.Read(0x3fb, data));

  EXPECT_THAT(data, Each(std::byte{0x11}));
  ASSERT_EQ(first_.accesses().size(), 1u);
  EXPECT_EQ(first_.accesses()[0].offset, 3u);
}

TEST_F(IoBusTest, WriteInRangeReachesDeviceWithOffsetAndData) {
  ASSERT_OK(bus_.Add(0x70, 2, first_));
  const std::array data{std::byte{0x12}};

  EXPECT_TRUE(bus_.Write(0x71, data));

  EXPECT_THAT(first_.accesses(), ElementsAre(FakeIoDevice::Access{true, 1, {std::byte{0x12}}}));
}

TEST_F(IoBusTest, AdjacentRangesAreToldApart) {
  ASSERT_OK(bus_.Add(0x20, 2, second_));
  ASSERT_OK(bus_.Add(0x1e, 2, first_));
  std::array<std::byte, 1> below{};
  std::array<std::byte, 1> above{};

  EXPECT_TRUE(bus_.Read(0x1f, below));
  EXPECT_TRUE(bus_.Read(0x20, above));

  EXPECT_EQ(below[0], std::byte{0x11});
  EXPECT_EQ(above[0], std::byte{0x22});
}

TEST_F(IoBusTest, UnclaimedReadFloatsHigh) {
  ASSERT_OK(bus_.Add(0x10, 4, first_));
  std::array<std::byte, 8> data{};

  EXPECT_FALSE(bus_.Read(0x14, data));

  EXPECT_THAT(data, Each(kFloating));
}

TEST_F(IoBusTest, UnclaimedWriteIsDropped) {
  ASSERT_OK(bus_.Add(0x10, 4, first_));

  EXPECT_FALSE(bus_.Write(0xf, std::array{std::byte{1}}));

  EXPECT_THAT(first_.accesses(), IsEmpty());
}

TEST_F(IoBusTest, AccessOnEmptyBusIsUnclaimed) {
  std::array<std::byte, 1> data{};

  EXPECT_FALSE(bus_.Read(0, data));
}

TEST_F(IoBusTest, AccessThatStraddlesEndIsUnclaimed) {
  ASSERT_OK(bus_.Add(0x10, 4, first_));
  ASSERT_OK(bus_.Add(0x14, 4, second_));
  std::array<std::byte, 4> data{};

  EXPECT_FALSE(bus_.Read(0x12, data));
  EXPECT_FALSE(bus_.Write(0x12, data));

  EXPECT_THAT(data, Each(kFloating));
  EXPECT_THAT(first_.accesses(), IsEmpty());
  EXPECT_THAT(second_.accesses(), IsEmpty());
}

TEST_F(IoBusTest, AccessThatStraddlesStartIsUnclaimed) {
  ASSERT_OK(bus_.Add(0x10, 4, first_));
  std::array<std::byte, 4> data{};

  EXPECT_FALSE(bus_.Read(0xf, data));

  EXPECT_THAT(first_.accesses(), IsEmpty());
}

TEST_F(IoBusTest, AccessThatWrapsAddressSpaceIsUnclaimed) {
  ASSERT_OK(bus_.Add(kTop - 3, 4, first_));
  ASSERT_OK(bus_.Add(0, 4, second_));
  std::array<std::byte, 8> data{};

  EXPECT_FALSE(bus_.Read(kTop, data));
  EXPECT_FALSE(bus_.Write(kTop - 3, data));

  EXPECT_THAT(first_.accesses(), IsEmpty());
  EXPECT_THAT(second_.accesses(), IsEmpty());
}

TEST_F(IoBusTest, LastByteOfAddressSpaceIsReachable) {
  ASSERT_OK(bus_.Add(kTop, 1, first_));
  std::array<std::byte, 1> data{};

  EXPECT_TRUE(bus_.Read(kTop, data));
}

TEST_F(IoBusTest, EmptyAccessIsUnclaimed) {
  ASSERT_OK(bus_.Add(0, 8, first_));

  EXPECT_FALSE(bus_.Read(0, {}));
  EXPECT_FALSE(bus_.Write(0, {}));
}

TEST_F(IoBusTest, OneDeviceMayHoldTwoRanges) {
  ASSERT_OK(bus_.Add(0x60, 1, first_));

  EXPECT_OK(bus_.Add(0x64, 1, first_));
}

TEST_F(IoBusTest, AddOfEmptyRangeIsRefused) {
  EXPECT_THAT(bus_.Add(0x10, 0, first_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("first")));
}

TEST_F(IoBusTest, AddPastEndOfAddressSpaceIsRefusedAndUpToItIsNot) {
  EXPECT_THAT(bus_.Add(kTop - 3, 5, first_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("first")));
  EXPECT_OK(bus_.Add(1, kTop, first_));
}

struct OverlapCase {
  uint64_t base;
  uint64_t length;
};

class IoBusOverlapTest : public ::testing::TestWithParam<OverlapCase> {};

TEST_P(IoBusOverlapTest, AddIsRefusedAndNamesBothDevices) {
  IoBus bus;
  FakeIoDevice low("low"), high("high"), added("added");
  ASSERT_OK(bus.Add(0x3f8, 8, low));
  ASSERT_OK(bus.Add(0x500, 0x10, high));

  EXPECT_THAT(bus.Add(GetParam().base, GetParam().length, added),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("added at"), HasSubstr("low at 0x3f8..0x3ff"))));
}

INSTANTIATE_TEST_SUITE_P(Positions, IoBusOverlapTest,
                         ::testing::Values(OverlapCase{0x3f8, 8},     // the same
                                           OverlapCase{0x3f0, 9},     // over its first byte
                                           OverlapCase{0x3ff, 1},     // its last byte
                                           OverlapCase{0x3fa, 2},     // inside
                                           OverlapCase{0x3f0, 0x20},  // around
                                           OverlapCase{0, kTop}));    // around both

}  // namespace
}  // namespace hvkit::devices
