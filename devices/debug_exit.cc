#include "devices/debug_exit.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace hvkit::devices {

DebugExit::DebugExit(std::function<void(uint32_t value)> on_exit) : on_exit_(std::move(on_exit)) {}

void DebugExit::Read(uint64_t /*offset*/, std::span<std::byte> data) {
  std::fill(data.begin(), data.end(), std::byte{0});
}

void DebugExit::Write(uint64_t offset, std::span<const std::byte> data) {
  uint32_t value = 0;
  const size_t size = data.size();
  if (offset != 0 || (size != 1 && size != 2 && size != 4)) return;
  std::memcpy(&value, data.data(), size);  // guests of this library are little-endian, as its host
  on_exit_(value);
}

}  // namespace hvkit::devices
