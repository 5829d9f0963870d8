// HvCallNotifyLongSpinWait.
//
// TLFS: hypercalls/HvCallNotifyLongSpinWait.md.
#ifndef HVKIT_HYPERV_HYPERCALL_SPIN_WAIT_CALL_H_
#define HVKIT_HYPERV_HYPERCALL_SPIN_WAIT_CALL_H_

#include "hyperv/host/spin_waiter.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// HvCallNotifyLongSpinWait.
struct NotifyLongSpinWait : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kNotifyLongSpinWait;
  using Input = tlfs::NotifyLongSpinWaitInput;
  static constexpr bool IsAllowed(const Privileges& guest) { return guest.MayNotifyLongSpins(); }
};

// Immutable.
class SpinWaitCall {
 public:
  explicit SpinWaitCall(SpinWaiter& waiter) : waiter_(waiter) {}

  // Adds these calls to a table that does not outlive this object. False if one of the codes is
  // taken or the table full.
  [[nodiscard]] bool AddTo(CallTable& table);

 private:
  tlfs::HvStatus OnNotify(const Arguments<NotifyLongSpinWait>& call);

  SpinWaiter& waiter_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_SPIN_WAIT_CALL_H_
