#include "hyperv/partition/crash_message.h"

#include <algorithm>
#include <span>

namespace hvkit::hyperv {

std::optional<std::string> ReadCrashMessage(
    const std::array<uint64_t, kCrashParameterCount>& parameters, const GuestMemory& memory) {
  const uint64_t length = std::min(parameters[4], kMaxCrashMessageBytes);
  if (length == 0) return std::nullopt;
  std::string message(length, '\0');
  const MemFault fault =
      memory.Read(Gpa(parameters[3]), std::as_writable_bytes(std::span(message)));
  if (fault != MemFault::kNone) return std::nullopt;
  message.resize(std::min(message.find('\0'), message.size()));
  return message;
}

}  // namespace hvkit::hyperv
