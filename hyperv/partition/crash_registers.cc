#include "hyperv/partition/crash_registers.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>

namespace hvkit::hyperv {

void CrashRegisters::WriteControl(VpIndex by, tlfs::CrashCtl control) {
  if (tlfs::CrashCtl::CrashNotify::Get(control) == 0) return;
  CrashReport report{.parameters = {}, .control = control, .message = std::nullopt};
  for (size_t i = 0; i < parameters_.size(); ++i) report.parameters[i] = Read(i);
  if (tlfs::CrashCtl::CrashMessage::Get(control) != 0) report.message = ReadMessage(report);
  events_.OnCrash(by, report);
}

void CrashRegisters::Reset() {
  for (std::atomic<uint64_t>& parameter : parameters_) {
    parameter.store(0, std::memory_order_relaxed);
  }
}

std::optional<std::string> CrashRegisters::ReadMessage(const CrashReport& report) const {
  const Gpa address(report.parameters[3]);
  const size_t length = std::min<uint64_t>(report.parameters[4], kMaxCrashMessageBytes);
  if (length == 0) return std::nullopt;
  std::string message(length, '\0');
  if (memory_.Read(address, std::as_writable_bytes(std::span(message))) != MemFault::kNone) {
    return std::nullopt;
  }
  message.resize(std::min(message.find('\0'), message.size()));
  return message;
}

}  // namespace hvkit::hyperv
