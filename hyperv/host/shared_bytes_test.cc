#include "hyperv/host/shared_bytes.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <thread>
#include <tuple>

#include "gtest/gtest.h"
#include "hyperv/host/shared_word.h"

namespace hvkit::hyperv {
namespace {

constexpr size_t kSize = 400;
using Bytes = std::array<std::byte, kSize>;

Bytes Counting() {
  Bytes bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i + 1);
  return bytes;
}

// Every start and length in a small buffer, so that each mixture of word widths is met.
class CopyTest : public ::testing::TestWithParam<std::tuple<size_t, size_t>> {
 protected:
  size_t start() const { return std::get<0>(GetParam()); }
  size_t size() const { return std::get<1>(GetParam()); }
};

TEST_P(CopyTest, OutOfSharedEqualsMemcpy) {
  alignas(16) const Bytes shared = Counting();
  Bytes copied{};
  Bytes expected{};
  CopyFromShared(copied.data(), shared.data() + start(), size());
  std::memcpy(expected.data(), shared.data() + start(), size());
  EXPECT_EQ(copied, expected);
}

TEST_P(CopyTest, IntoSharedEqualsMemcpy) {
  alignas(16) Bytes shared{};
  Bytes expected{};
  const Bytes source = Counting();
  CopyToShared(shared.data() + start(), source.data(), size());
  std::memcpy(expected.data() + start(), source.data(), size());
  EXPECT_EQ(shared, expected);
}

INSTANTIATE_TEST_SUITE_P(AllAlignments, CopyTest,
                         ::testing::Combine(::testing::Range<size_t>(0, 17),
                                            ::testing::Range<size_t>(0, 84)));
// Whole words, which go by fours from some number on.
INSTANTIATE_TEST_SUITE_P(ManyWords, CopyTest,
                         ::testing::Combine(::testing::Range<size_t>(0, 72, 8),
                                            ::testing::Range<size_t>(88, 320, 8)));

class LineTest : public ::testing::TestWithParam<size_t> {};

TEST_P(LineTest, OneDifferentByteMakesTwoLinesDifferent) {
  alignas(8) std::array<std::byte, kSharedLine> a{};
  alignas(8) std::array<std::byte, kSharedLine> b{};
  EXPECT_TRUE(SharedLinesEqual(a.data(), b.data()));
  a[GetParam()] = std::byte{1};
  EXPECT_FALSE(SharedLinesEqual(a.data(), b.data()));
  b[GetParam()] = std::byte{1};
  EXPECT_TRUE(SharedLinesEqual(a.data(), b.data()));
}

INSTANTIATE_TEST_SUITE_P(EveryByte, LineTest, ::testing::Range<size_t>(0, kSharedLine));

TEST(SharedWordTest, FetchOrReturnsOldValue) {
  uint16_t word = 0x0F00;
  EXPECT_EQ(FetchOrShared<uint16_t>(&word, 0x00F1), 0x0F00);
  EXPECT_EQ(word, 0x0FF1);
}

TEST(SharedWordTest, CompareExchangeReplacesExpectedValue) {
  uint32_t word = 5;
  uint32_t expected = 5;
  EXPECT_TRUE(CompareExchangeShared<uint32_t>(&word, expected, 6));
  EXPECT_EQ(word, 6u);
}

TEST(SharedWordTest, FailedCompareExchangeReportsFoundValue) {
  uint32_t word = 5;
  uint32_t expected = 4;
  EXPECT_FALSE(CompareExchangeShared<uint32_t>(&word, expected, 6));
  EXPECT_EQ(expected, 5u);
  EXPECT_EQ(word, 5u);
}

// By pairs, and by fours where the processor has them; from the first word of a four, and from the
// middle.
class TearingTest : public ::testing::TestWithParam<std::tuple<size_t, size_t>> {};

TEST_P(TearingTest, AlignedWordsAreNeverTornByACopy) {
  constexpr uint64_t kValues[] = {0, ~uint64_t{0}};
  constexpr size_t kMostWords = 48;
  const auto [first, count] = GetParam();
  alignas(32) std::array<uint64_t, kMostWords> all{};
  const std::span<uint64_t> words = std::span(all).subspan(first, count);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (uint64_t i = 0; !stop.load(std::memory_order_relaxed); ++i) {
      for (uint64_t& word : words) {
        StoreShared<uint64_t>(&word, kValues[i & 1], std::memory_order_relaxed);
      }
    }
  });
  uint64_t torn = 0;
  for (int i = 0; i < 20000; ++i) {
    std::array<uint64_t, kMostWords> seen{};
    CopyFromShared(std::as_writable_bytes(std::span(seen)).data(), std::as_bytes(words).data(),
                   words.size_bytes());
    for (const uint64_t word : seen) torn += (word != kValues[0] && word != kValues[1]) ? 1u : 0u;
  }
  stop = true;
  writer.join();
  EXPECT_EQ(torn, 0u);
}

INSTANTIATE_TEST_SUITE_P(PairsAndFours, TearingTest,
                         ::testing::Combine(::testing::Values<size_t>(0, 1, 2),
                                            ::testing::Values<size_t>(5, 45)));

}  // namespace
}  // namespace hvkit::hyperv
