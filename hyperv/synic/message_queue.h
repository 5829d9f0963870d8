// Message buffers: each port owns a fixed number, and a SINT's queue links those that wait for the
// slot. So nothing is allocated when a message is posted, and no guest can make a queue grow.
//
// TLFS: inter-partition-communication.md "Message Buffers" and "Message Buffer Queues". Locking is
// the owner's: see synic.h.
#ifndef HVKIT_HYPERV_SYNIC_MESSAGE_QUEUE_H_
#define HVKIT_HYPERV_SYNIC_MESSAGE_QUEUE_H_

#include <array>
#include <cstddef>
#include <span>

#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {

class MessagePool;

struct MessageBuffer {
  MessageBuffer* next = nullptr;
  MessagePool* home = nullptr;
  tlfs::MessageHeader header;
  std::array<std::byte, tlfs::kMessagePayloadSize> payload;

  std::span<const std::byte> Payload() const { return {payload.data(), header.payload_size}; }
};

// The buffers of one port. Guarded by the lock of the SynIC that the port posts to.
class MessagePool {
 public:
  static constexpr size_t kBuffers = 16;  // TLFS "Guest Message Buffers"

  MessagePool();
  MessagePool(const MessagePool&) = delete;
  MessagePool& operator=(const MessagePool&) = delete;

  // A buffer that holds the message, or null when all are in use.
  [[nodiscard]] MessageBuffer* Take(const tlfs::MessageHeader& header,
                                    std::span<const std::byte> payload);
  void Give(MessageBuffer& buffer);

 private:
  MessageBuffer* free_ = nullptr;
  std::array<MessageBuffer, kBuffers> buffers_;
};

// Buffers in the order in which they were posted. Guarded by the lock of the SynIC.
class MessageQueue {
 public:
  bool empty() const { return first_ == nullptr; }
  MessageBuffer* front() const { return first_; }
  void Push(MessageBuffer& buffer);
  // Gives the first buffer back to its pool; there must be one.
  void Pop();
  // Gives back all buffers, or those of one pool.
  void Clear();
  void RemoveAllOf(const MessagePool& pool);

 private:
  MessageBuffer* first_ = nullptr;
  MessageBuffer* last_ = nullptr;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_SYNIC_MESSAGE_QUEUE_H_
