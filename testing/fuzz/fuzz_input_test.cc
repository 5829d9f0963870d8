#include "testing/fuzz/fuzz_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace hvkit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::array kBytes = {std::byte{1}, std::byte{2}, std::byte{3}};

TEST(FuzzInputTest, NumbersComeInOrderAndLittleEndian) {
  FuzzInput input(kBytes);
  EXPECT_EQ(input.Take<uint8_t>(), 1);
  EXPECT_EQ(input.Take<uint16_t>(), 0x0302);
  EXPECT_TRUE(input.empty());
}

TEST(FuzzInputTest, MissingBytesAreZeros) {
  FuzzInput input(kBytes);
  EXPECT_EQ(input.Take<uint64_t>(), 0x030201u);
  EXPECT_EQ(input.Take<uint64_t>(), 0u);
}

TEST(FuzzInputTest, BelowStaysBelow) {
  FuzzInput input(kBytes);
  EXPECT_EQ(input.Below(1), 0u);
  EXPECT_EQ(input.Below(2), 0u);
  EXPECT_EQ(input.Below(2), 1u);
}

TEST(FuzzInputTest, BytesAreCutAtTheEnd) {
  FuzzInput input(kBytes);
  EXPECT_THAT(input.TakeBytes(2), ElementsAre(std::byte{1}, std::byte{2}));
  EXPECT_THAT(input.TakeBytes(2), ElementsAre(std::byte{3}));
}

TEST(FuzzInputTest, RestLeavesNothing) {
  FuzzInput input(kBytes);
  EXPECT_EQ(input.TakeRest().size(), 3u);
  EXPECT_THAT(input.TakeRest(), IsEmpty());
}

}  // namespace
}  // namespace hvkit::testing
