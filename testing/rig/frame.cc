#include "testing/rig/frame.h"

#include <cstring>

namespace hvkit::testing::rig {
namespace {

constexpr size_t kHeaderSize = 5;

}  // namespace

std::string EncodeFrame(FrameType type, std::string_view payload) {
  const auto length = static_cast<uint32_t>(payload.size());
  std::string frame(kHeaderSize, '\0');
  frame[0] = static_cast<char>(type);
  std::memcpy(frame.data() + 1, &length, sizeof(length));
  frame.append(payload);
  return frame;
}

std::optional<Frame> FrameParser::Next() {
  if (corrupt_ || buffer_.size() < kHeaderSize) return std::nullopt;
  uint32_t length = 0;
  std::memcpy(&length, buffer_.data() + 1, sizeof(length));
  if (length > kMaxFramePayload) {
    corrupt_ = true;
    return std::nullopt;
  }
  if (buffer_.size() < kHeaderSize + length) return std::nullopt;
  Frame frame{static_cast<FrameType>(buffer_[0]), buffer_.substr(kHeaderSize, length)};
  buffer_.erase(0, kHeaderSize + length);
  return frame;
}

}  // namespace hvkit::testing::rig
