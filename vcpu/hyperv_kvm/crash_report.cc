#include "vcpu/hyperv_kvm/crash_report.h"

#include <algorithm>
#include <span>

namespace hvkit::vcpu {

std::optional<std::string> ReadCrashMessage(
    const std::array<uint64_t, kCrashParameters>& parameters, const hyperv::GuestMemory& memory) {
  const uint64_t length = std::min(parameters[4], kMaxCrashMessageBytes);
  if (length == 0) return std::nullopt;
  std::string message(length, '\0');
  const hyperv::MemFault fault =
      memory.Read(hyperv::Gpa(parameters[3]), std::as_writable_bytes(std::span(message)));
  if (fault != hyperv::MemFault::kNone) return std::nullopt;
  message.resize(std::min(message.find('\0'), message.size()));
  return message;
}

}  // namespace hvkit::vcpu
