#include "hyperv/synic/message_queue.h"

namespace hvkit::hyperv {

MessagePool::MessagePool() {
  for (MessageBuffer& buffer : buffers_) {
    buffer.home = this;
    Give(buffer);
  }
}

void MessageQueue::Clear() {
  while (!empty()) Pop();
}

void MessageQueue::RemoveAllOf(const MessagePool& pool) {
  MessageBuffer* rest = first_;
  first_ = nullptr;
  while (rest != nullptr) {
    MessageBuffer& buffer = *rest;
    rest = buffer.next;
    if (buffer.home == &pool) {
      buffer.home->Give(buffer);
    } else {
      buffer.next = nullptr;
      Push(buffer);
    }
  }
}

}  // namespace hvkit::hyperv
