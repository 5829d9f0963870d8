#include "hyperv/synic/message_port.h"

#include "hyperv/synic/message_slot.h"

namespace hvkit::hyperv {
namespace {

bool IsMessage(tlfs::MessageType type, std::span<const std::byte> payload) {
  return type != tlfs::MessageType::kNone && payload.size() <= tlfs::kMessagePayloadSize;
}

}  // namespace

PostResult MessagePort::Post(tlfs::MessageType type, std::span<const std::byte> payload) {
  if (!IsMessage(type, payload)) return PostResult::kInvalidMessage;
  return target_.Post(sint_, pool_, SlotHeader(type, payload.size(), origin_), payload);
}

PostResult MessagePort::PostFromVp(tlfs::MessageType type, std::span<const std::byte> payload) {
  if (!IsMessage(type, payload)) return PostResult::kInvalidMessage;
  return target_.PostFromVp(sint_, pool_, SlotHeader(type, payload.size(), origin_), payload);
}

}  // namespace hvkit::hyperv
