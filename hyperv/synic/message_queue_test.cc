#include "hyperv/synic/message_queue.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "hyperv/synic/message_slot.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {
namespace {

SlotHeader Header(uint64_t origin) { return SlotHeader(tlfs::MessageType{1}, 0, origin); }

class MessageQueueTest : public ::testing::Test {
 protected:
  bool Push(MessagePool& pool, uint64_t origin) {
    MessageBuffer* const buffer = pool.Take(Header(origin), {});
    if (buffer != nullptr) queue_.Push(*buffer);
    return buffer != nullptr;
  }
  std::vector<uint64_t> PopAll() {
    std::vector<uint64_t> origins;
    for (; !queue_.empty(); queue_.Pop()) origins.push_back(queue_.front()->header.origin);
    return origins;
  }
  static int Free(MessagePool& pool) {
    int taken = 0;
    while (pool.Take(Header(0), {}) != nullptr) ++taken;
    return taken;
  }

  MessagePool pool_;
  MessagePool other_;
  MessageQueue queue_;
};

TEST_F(MessageQueueTest, BufferHoldsHeaderAndPayload) {
  const std::array<std::byte, 3> payload = {std::byte{7}, std::byte{8}, std::byte{9}};
  const MessageBuffer* const buffer = pool_.Take(Header(5), payload);
  ASSERT_NE(buffer, nullptr);
  EXPECT_EQ(buffer->header.origin, 5u);
  ASSERT_EQ(buffer->Payload().size(), 3u);
  EXPECT_EQ(buffer->Payload()[2], std::byte{9});
}

TEST_F(MessageQueueTest, MessagesLeaveInTheOrderInWhichTheyCame) {
  for (uint64_t origin = 1; origin <= 5; ++origin) EXPECT_TRUE(Push(pool_, origin));
  EXPECT_EQ(PopAll(), (std::vector<uint64_t>{1, 2, 3, 4, 5}));
}

TEST_F(MessageQueueTest, PoolHasSixteenBuffersAndNoMore) {
  for (uint64_t origin = 0; origin < 16; ++origin) EXPECT_TRUE(Push(pool_, origin));
  EXPECT_FALSE(Push(pool_, 16));
  queue_.Pop();
  EXPECT_TRUE(Push(pool_, 17));
  EXPECT_FALSE(Push(pool_, 18));
}

TEST_F(MessageQueueTest, ClearGivesAllBuffersBackToTheirPools) {
  EXPECT_TRUE(Push(pool_, 1));
  EXPECT_TRUE(Push(other_, 2));
  queue_.Clear();
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(Free(pool_), 16);
  EXPECT_EQ(Free(other_), 16);
}

TEST_F(MessageQueueTest, RemoveAllOfOnePoolLeavesTheOthersInOrder) {
  for (uint64_t origin = 1; origin <= 6; ++origin) {
    EXPECT_TRUE(Push(origin % 2 == 0 ? pool_ : other_, origin));
  }
  queue_.RemoveAllOf(pool_);
  EXPECT_EQ(Free(pool_), 16);
  EXPECT_TRUE(Push(other_, 7));
  EXPECT_EQ(PopAll(), (std::vector<uint64_t>{1, 3, 5, 7}));
}

TEST_F(MessageQueueTest, RemoveAllOfTheOnlyPoolLeavesAnEmptyQueue) {
  EXPECT_TRUE(Push(pool_, 1));
  queue_.RemoveAllOf(pool_);
  EXPECT_TRUE(queue_.empty());
  EXPECT_TRUE(Push(pool_, 2));
  EXPECT_EQ(PopAll(), (std::vector<uint64_t>{2}));
}

}  // namespace
}  // namespace hvkit::hyperv
