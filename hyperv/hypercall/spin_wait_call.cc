#include "hyperv/hypercall/spin_wait_call.h"

#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

bool SpinWaitCall::AddTo(CallTable& table) {
  return table.Add<NotifyLongSpinWait, &SpinWaitCall::OnNotify>(*this);
}

// Advice: there is nothing wrong with any of it, reserved bits included.
tlfs::HvStatus SpinWaitCall::OnNotify(const Arguments<NotifyLongSpinWait>& call) {
  waiter_.OnLongSpin(call.caller, call.input.spin_count);
  return tlfs::HvStatus::kSuccess;
}

}  // namespace hvkit::hyperv
