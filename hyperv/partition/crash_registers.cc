#include "hyperv/partition/crash_registers.h"

#include <optional>

#include "hyperv/partition/crash_message.h"

namespace hvkit::hyperv {

void CrashRegisters::WriteControl(VpIndex by, tlfs::CrashCtl control) {
  if (tlfs::CrashCtl::CrashNotify::Get(control) == 0) return;
  CrashReport report{.parameters = {}, .control = control, .message = std::nullopt};
  for (size_t i = 0; i < parameters_.size(); ++i) report.parameters[i] = Read(i);
  if (tlfs::CrashCtl::CrashMessage::Get(control) != 0) {
    report.message = ReadCrashMessage(report.parameters, memory_);
  }
  events_.OnCrash(by, report);
}

void CrashRegisters::Reset() {
  for (std::atomic<uint64_t>& parameter : parameters_) {
    parameter.store(0, std::memory_order_relaxed);
  }
}

}  // namespace hvkit::hyperv
