#include "hyperv/synic/message_port.h"

namespace hvkit::hyperv {
namespace {

bool IsMessage(tlfs::MessageType type, std::span<const std::byte> payload) {
  return type != tlfs::MessageType::kNone && payload.size() <= tlfs::kMessagePayloadSize;
}

tlfs::MessageHeader Header(tlfs::MessageType type, size_t size, uint64_t origin) {
  tlfs::MessageHeader header;
  header.type = type;
  header.payload_size = static_cast<uint8_t>(size);
  header.origin = origin;
  return header;
}

}  // namespace

PostResult MessagePort::Post(tlfs::MessageType type, std::span<const std::byte> payload) {
  if (!IsMessage(type, payload)) return PostResult::kInvalidMessage;
  return target_.Post(sint_, pool_, Header(type, payload.size(), origin_), payload);
}

PostResult MessagePort::PostFromVp(tlfs::MessageType type, std::span<const std::byte> payload) {
  if (!IsMessage(type, payload)) return PostResult::kInvalidMessage;
  return target_.PostFromVp(sint_, pool_, Header(type, payload.size(), origin_), payload);
}

}  // namespace hvkit::hyperv
