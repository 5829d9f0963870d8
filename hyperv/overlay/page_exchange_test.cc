#include "hyperv/overlay/page_exchange.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/shared_bytes.h"

namespace hvkit::hyperv::internal {
namespace {

// A page of plain words. The guest's stores come right before the next CompareExchange: the worst
// moment.
class Page {
 public:
  void GuestWillStore(uint64_t value) { stores_.push_back(value); }
  uint64_t& operator[](size_t word) { return words_[word]; }
  int writes() const { return writes_; }

  template <typename T>
  T Load(size_t offset, std::memory_order) const {
    return words_[offset / sizeof(T)];
  }
  template <typename T>
  void Store(size_t offset, T value, std::memory_order) {
    words_[offset / sizeof(T)] = value;
    ++writes_;
  }
  template <typename T>
  bool CompareExchange(size_t offset, T& expected, T desired) {
    T& word = words_[offset / sizeof(T)];
    if (!stores_.empty()) {
      word = stores_.front();
      stores_.pop_front();
    }
    const bool same = word == expected;
    expected = word;
    if (same) word = desired;
    ++writes_;
    return same;
  }
  bool LineEquals(size_t offset, const Page& other) const {
    const auto from = words_.begin() + static_cast<std::ptrdiff_t>(offset / sizeof(uint64_t));
    return std::equal(from, from + kSharedLine / sizeof(uint64_t),
                      other.words_.begin() + (from - words_.begin()));
  }

 private:
  std::array<uint64_t, kPageSize / sizeof(uint64_t)> words_{};
  std::deque<uint64_t> stores_;
  int writes_ = 0;
};

TEST(PageExchangeTest, EveryWordChangesSides) {
  Page ram;
  Page buffer;
  for (size_t word = 0; word < kPageSize / sizeof(uint64_t); ++word) {
    ram[word] = word;
    buffer[word] = 10'000 + word;
  }
  ExchangePages(ram, buffer);
  for (size_t word = 0; word < kPageSize / sizeof(uint64_t); ++word) {
    ASSERT_EQ(ram[word], 10'000 + word);
    ASSERT_EQ(buffer[word], word);
  }
}

TEST(PageExchangeTest, GuestStoreInTheMiddleIsKept) {
  Page ram;
  Page buffer;
  ram[1] = 5;
  buffer[1] = 6;
  ram.GuestWillStore(7);
  ExchangeWord(ram, buffer, sizeof(uint64_t));
  EXPECT_EQ(ram[1], 6u);
  EXPECT_EQ(buffer[1], 7u);
}

TEST(PageExchangeTest, SeveralGuestStoresInTheMiddleKeepTheLast) {
  Page ram;
  Page buffer;
  buffer[0] = 6;
  for (const uint64_t value : {7u, 8u, 9u}) ram.GuestWillStore(value);
  ExchangeWord(ram, buffer, 0);
  EXPECT_EQ(ram[0], 6u);
  EXPECT_EQ(buffer[0], 9u);
}

TEST(PageExchangeTest, GuestStoreOfTheOverlaysOwnValueIsKeptToo) {
  Page ram;
  Page buffer;
  buffer[0] = 6;
  ram.GuestWillStore(6);
  ExchangeWord(ram, buffer, 0);
  EXPECT_EQ(ram[0], 6u);
  EXPECT_EQ(buffer[0], 6u);
}

TEST(PageExchangeTest, OnlyWordsThatDifferAreWritten) {
  Page ram;
  Page buffer;
  buffer[511] = 6;
  ExchangePages(ram, buffer);
  EXPECT_EQ(ram[511], 6u);
  EXPECT_EQ(buffer[511], 0u);
  EXPECT_EQ(ram.writes(), 1);
  EXPECT_EQ(buffer.writes(), 1);
}

TEST(PageExchangeTest, EqualWordsAreNotWritten) {
  Page ram;
  Page buffer;
  ExchangePages(ram, buffer);
  EXPECT_EQ(ram.writes(), 0);
  EXPECT_EQ(buffer.writes(), 0);
}

}  // namespace
}  // namespace hvkit::hyperv::internal
