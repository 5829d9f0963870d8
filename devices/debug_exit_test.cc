#include "devices/debug_exit.h"

#include <array>
#include <cstring>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hvkit::devices {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DebugExitTest : public ::testing::Test {
 protected:
  template <typename T>
  void Write(uint64_t offset, T value) {
    std::array<std::byte, sizeof(T)> bytes;
    std::memcpy(bytes.data(), &value, sizeof(T));
    device_.Write(offset, bytes);
  }

  std::vector<uint32_t> values_;
  DebugExit device_{[this](uint32_t value) { values_.push_back(value); }};
};

TEST_F(DebugExitTest, WriteOfOneTwoOrFourBytesReportsValue) {
  Write<uint8_t>(0, 0x80);
  Write<uint16_t>(0, 0x8001);
  Write<uint32_t>(0, 0x80000002);

  EXPECT_THAT(values_, ElementsAre(0x80u, 0x8001u, 0x80000002u));
}

TEST_F(DebugExitTest, WriteOfAnotherSizeIsIgnored) {
  Write<uint64_t>(0, 1);
  device_.Write(0, {});

  EXPECT_THAT(values_, IsEmpty());
}

TEST_F(DebugExitTest, WriteOffTheBaseIsIgnored) {
  Write<uint8_t>(1, 1);

  EXPECT_THAT(values_, IsEmpty());
}

TEST_F(DebugExitTest, ReadGivesZero) {
  std::array<std::byte, 4> data;
  data.fill(std::byte{0xee});

  device_.Read(0, data);

  EXPECT_THAT(data, Each(std::byte{0}));
}

struct StatusCase {
  uint32_t value;
  int status;
};

class DebugExitStatusTest : public ::testing::TestWithParam<StatusCase> {};

TEST_P(DebugExitStatusTest, IsValueTimesTwoPlusOneInEightBits) {
  EXPECT_EQ(DebugExitStatus(GetParam().value), GetParam().status);
}

INSTANTIATE_TEST_SUITE_P(Values, DebugExitStatusTest,
                         ::testing::Values(StatusCase{0, 1}, StatusCase{1, 3},
                                           StatusCase{0x31, 0x63}, StatusCase{0x7f, 0xff},
                                           StatusCase{0x80, 1}, StatusCase{0xffffffff, 0xff}));

}  // namespace
}  // namespace hvkit::devices
