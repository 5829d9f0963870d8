#include "hyperv/synic/message_queue.h"

#include <algorithm>

namespace hvkit::hyperv {

MessagePool::MessagePool() {
  for (MessageBuffer& buffer : buffers_) {
    buffer.home = this;
    Give(buffer);
  }
}

MessageBuffer* MessagePool::Take(const tlfs::MessageHeader& header,
                                 std::span<const std::byte> payload) {
  MessageBuffer* const buffer = free_;
  if (buffer == nullptr) return nullptr;
  free_ = buffer->next;
  buffer->next = nullptr;
  buffer->header = header;
  std::copy(payload.begin(), payload.end(), buffer->payload.begin());
  return buffer;
}

void MessagePool::Give(MessageBuffer& buffer) {
  buffer.next = free_;
  free_ = &buffer;
}

void MessageQueue::Push(MessageBuffer& buffer) {
  buffer.next = nullptr;
  if (first_ == nullptr) {
    first_ = &buffer;
  } else {
    last_->next = &buffer;
  }
  last_ = &buffer;
}

void MessageQueue::Pop() {
  MessageBuffer& buffer = *first_;
  first_ = buffer.next;
  if (first_ == nullptr) last_ = nullptr;
  buffer.home->Give(buffer);
}

void MessageQueue::Clear() {
  while (!empty()) Pop();
}

void MessageQueue::RemoveAllOf(const MessagePool& pool) {
  MessageBuffer* rest = first_;
  first_ = last_ = nullptr;
  while (rest != nullptr) {
    MessageBuffer& buffer = *rest;
    rest = buffer.next;
    if (buffer.home == &pool) {
      buffer.home->Give(buffer);
    } else {
      Push(buffer);
    }
  }
}

}  // namespace hvkit::hyperv
