#include "hyperv/synic/message_slot.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {
namespace {

constexpr SintIndex kSint = SintIndex::Of<2>();
constexpr size_t kSlot = 2 * 256;
constexpr uint32_t kType = 0x80000010;
constexpr uint64_t kPendingBit = uint64_t{1} << 40;
constexpr uint64_t kFullSlot = 0x18'00000001;  // type 1, 24 bytes

// A page whose guest acts at the moment the test chooses: between the look at the slot and the
// exchange that marks it. Writes are logged in their order.
class ScriptedPage {
 public:
  template <typename T>
  T Load(size_t offset, std::memory_order) const {
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof(value));
    return value;
  }
  template <typename T>
  void Store(size_t offset, T value, std::memory_order) {
    log.push_back(offset == kSlot ? "type" : "rest");
    std::memcpy(bytes_.data() + offset, &value, sizeof(value));
  }
  template <typename T>
  bool CompareExchange(size_t offset, T& expected, T desired) {
    ++exchanges;
    if (before_exchange) before_exchange();
    const T found = Load<T>(offset, std::memory_order_relaxed);
    const bool same = found == expected;
    if (same) std::memcpy(bytes_.data() + offset, &desired, sizeof(desired));
    expected = found;
    return same;
  }
  void CopyIn(size_t offset, std::span<const std::byte> from) {
    log.push_back("rest");
    std::memcpy(bytes_.data() + offset, from.data(), from.size());
  }

  void SetWord(uint64_t word) { std::memcpy(bytes_.data() + kSlot, &word, sizeof(word)); }
  uint64_t Word() const { return Load<uint64_t>(kSlot, std::memory_order_relaxed); }

  std::function<void()> before_exchange;
  int exchanges = 0;
  std::vector<std::string> log;

 private:
  std::array<std::byte, kPageSize> bytes_{};
};

class MessageSlotTest : public ::testing::Test {
 protected:
  bool Put(MorePending more = MorePending::kNo) {
    const SlotHeader header(tlfs::MessageType{kType}, sizeof(payload_), 0x1234);
    return PutMessage(page_, kSint, header, std::as_bytes(std::span(payload_)), more);
  }

  const std::array<uint64_t, 3> payload_ = {11, 22, 33};
  ScriptedPage page_;
};

TEST_F(MessageSlotTest, FreeSlotTakesTheWholeMessage) {
  EXPECT_TRUE(Put());
  tlfs::Message message;
  for (size_t i = 0; i < sizeof(message); ++i) {
    reinterpret_cast<std::byte*>(&message)[i] =
        page_.Load<std::byte>(kSlot + i, std::memory_order_relaxed);
  }
  EXPECT_EQ(message.header.type, tlfs::MessageType::kTimerExpired);
  EXPECT_EQ(message.header.payload_size, 24);
  EXPECT_EQ(message.header.flags.raw, 0);
  EXPECT_EQ(message.header.reserved, 0);
  EXPECT_EQ(message.header.origin, 0x1234u);
  EXPECT_EQ(std::memcmp(message.payload.data(), payload_.data(), sizeof(payload_)), 0);
}

TEST_F(MessageSlotTest, TypeIsWrittenOnceAndLast) {
  EXPECT_TRUE(Put());
  ASSERT_GE(page_.log.size(), 3u);  // Payload, origin, type
  EXPECT_EQ(std::count(page_.log.begin(), page_.log.end(), "type"), 1);
  EXPECT_EQ(page_.log.back(), "type");
}

// Payloads of whole words and others are copied in different ways.
TEST_F(MessageSlotTest, PayloadOfAnySizeArrivesWholeAndNoMoreOfIt) {
  std::array<std::byte, tlfs::kMessagePayloadSize> payload;
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::byte>(i + 1);
  for (size_t size = 0; size <= payload.size(); ++size) {
    ScriptedPage page;
    const SlotHeader header(tlfs::MessageType{kType}, size, 0);
    ASSERT_TRUE(PutMessage(page, kSint, header, std::span(payload).first(size), MorePending::kNo));
    for (size_t i = 0; i < payload.size(); ++i) {
      ASSERT_EQ(page.Load<std::byte>(kSlot + 16 + i, std::memory_order_relaxed),
                i < size ? payload[i] : std::byte{0})
          << "byte " << i << " of " << size;
    }
  }
}

TEST_F(MessageSlotTest, WhatTheGuestLeftInAFreeSlotIsOverwritten) {
  page_.SetWord(0xFFFF'FFFF'0000'0000);
  EXPECT_TRUE(Put());
  EXPECT_EQ(page_.Word(), kType | uint64_t{24} << 32);
}

TEST_F(MessageSlotTest, MoreToComeIsSaidInTheMessageItself) {
  EXPECT_TRUE(Put(MorePending::kYes));
  EXPECT_EQ(page_.Word(), kType | uint64_t{24} << 32 | kPendingBit);
}

TEST_F(MessageSlotTest, BusySlotIsMarkedAndKeepsItsMessage) {
  page_.SetWord(kFullSlot);
  EXPECT_FALSE(Put());
  EXPECT_EQ(page_.Word(), kFullSlot | kPendingBit);
  EXPECT_TRUE(page_.log.empty());
}

TEST_F(MessageSlotTest, MarkedSlotIsNotMarkedAgain) {
  page_.SetWord(kFullSlot | kPendingBit);
  EXPECT_FALSE(Put());
  EXPECT_EQ(page_.exchanges, 0);
}

TEST_F(MessageSlotTest, OtherFlagsStay) {
  constexpr uint64_t kOther = uint64_t{0x88} << 40;
  page_.SetWord(kFullSlot | kOther);
  EXPECT_FALSE(Put());
  EXPECT_EQ(page_.Word(), kFullSlot | kOther | kPendingBit);
}

// The race: a guest that frees the slot after the look and before the mark would never see the
// mark.
TEST_F(MessageSlotTest, SlotFreedBetweenLookAndMarkTakesTheMessage) {
  page_.SetWord(kFullSlot);
  page_.before_exchange = [this] { page_.SetWord(kFullSlot & ~uint64_t{0xFFFFFFFF}); };
  EXPECT_TRUE(Put());
  EXPECT_EQ(page_.Word(), kType | uint64_t{24} << 32);
}

TEST_F(MessageSlotTest, GuestThatKeepsChangingTheWordIsNotFollowedForEver) {
  page_.SetWord(kFullSlot);
  page_.before_exchange = [this] { page_.SetWord(page_.Word() + 1); };
  EXPECT_FALSE(Put());
  EXPECT_LE(page_.exchanges, 4);
}

}  // namespace
}  // namespace hvkit::hyperv
