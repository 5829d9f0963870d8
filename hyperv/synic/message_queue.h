// Message buffers: each port owns a fixed number, and a SINT's queue links those that wait for the
// slot. So nothing is allocated when a message is posted, and no guest can make a queue grow.
//
// TLFS: inter-partition-communication.md "Message Buffers" and "Message Buffer Queues". Locking is
// the owner's: see synic.h.
#ifndef HVKIT_HYPERV_SYNIC_MESSAGE_QUEUE_H_
#define HVKIT_HYPERV_SYNIC_MESSAGE_QUEUE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "hyperv/synic/message_slot.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {

class MessagePool;

// A message that waits for its slot.
struct MessageBuffer {
  MessageBuffer* next = nullptr;
  MessagePool* home = nullptr;
  SlotHeader header;
  size_t payload_size = 0;
  std::array<std::byte, tlfs::kMessagePayloadSize> payload;

  // The bytes that were posted.
  std::span<const std::byte> Payload() const { return {payload.data(), payload_size}; }
};

// The buffers of one port. Guarded by the lock of the SynIC that the port posts to.
class MessagePool {
 public:
  static constexpr size_t kBuffers = 16;  // TLFS "Guest Message Buffers"

  MessagePool();
  MessagePool(const MessagePool&) = delete;
  MessagePool& operator=(const MessagePool&) = delete;

  // A buffer that holds the message, or null when all are in use.
  [[nodiscard]] MessageBuffer* Take(const SlotHeader& header, std::span<const std::byte> payload) {
    MessageBuffer* const buffer = free_;
    if (buffer == nullptr) return nullptr;
    free_ = buffer->next;
    buffer->next = nullptr;
    buffer->header = header;
    buffer->payload_size = payload.size();
    CopyPayload(payload, buffer->payload.data());
    return buffer;
  }
  // Takes a buffer back that Take gave and that is in no queue.
  void Give(MessageBuffer& buffer) {
    buffer.next = free_;
    free_ = &buffer;
  }

 private:
  // Most payloads are a few words: a call that copies them costs more than that.
  static void CopyPayload(std::span<const std::byte> from, std::byte* to) {
    constexpr size_t kStep = 2 * sizeof(uint64_t);
    size_t done = 0;
    for (; from.size() - done >= kStep; done += kStep) {
      std::memcpy(to + done, from.data() + done, kStep);
    }
    if (done != from.size()) std::memcpy(to + done, from.data() + done, from.size() - done);
  }

  MessageBuffer* free_ = nullptr;
  std::array<MessageBuffer, kBuffers> buffers_;
};

// Buffers in the order in which they were posted. Guarded by the lock of the SynIC.
class MessageQueue {
 public:
  bool empty() const { return first_ == nullptr; }
  MessageBuffer* front() const { return first_; }
  // `buffer` is as Take gave it.
  void Push(MessageBuffer& buffer) {
    (first_ == nullptr ? first_ : last_->next) = &buffer;
    last_ = &buffer;
  }
  // Gives the first buffer back to its pool; there must be one.
  void Pop() {
    MessageBuffer& buffer = *first_;
    first_ = buffer.next;
    buffer.home->Give(buffer);
  }
  // Gives back all buffers, or those of one pool.
  void Clear();
  void RemoveAllOf(const MessagePool& pool);

 private:
  MessageBuffer* first_ = nullptr;
  MessageBuffer* last_ = nullptr;  // of a queue that is not empty
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_SYNIC_MESSAGE_QUEUE_H_
