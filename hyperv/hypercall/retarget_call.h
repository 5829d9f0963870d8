// HvCallRetargetDeviceInterrupt.
//
// TLFS: hypercalls/HvCallRetargetDeviceInterrupt.md, datatypes/hv_device_interrupt_target.md. It
// has no privilege of its own: a host without devices does not have the call.
#ifndef HVKIT_HYPERV_HYPERCALL_RETARGET_CALL_H_
#define HVKIT_HYPERV_HYPERCALL_RETARGET_CALL_H_

#include <cstdint>

#include "hyperv/host/interrupt_retargeter.h"
#include "hyperv/host/vp_set.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_ext.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// HvCallRetargetDeviceInterrupt.
struct RetargetDeviceInterrupt : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kRetargetDeviceInterrupt;
  using Input = tlfs::RetargetInterruptInput;
  static constexpr bool kTakesVariableHeader = true;
};

// Immutable.
class RetargetCall {
 public:
  RetargetCall(InterruptRetargeter& retargeter, uint32_t vp_count)
      : retargeter_(retargeter), vp_limit_(vp_count) {}

  // Adds these calls to a table that does not outlive this object. False if one of the codes is
  // taken or the table full.
  [[nodiscard]] bool AddTo(CallTable& table);

 private:
  tlfs::HvStatus OnRetarget(const Arguments<RetargetDeviceInterrupt>& call);
  tlfs::HvStatus ReadTarget(const Arguments<RetargetDeviceInterrupt>& call, VpSet& vps) const;

  InterruptRetargeter& retargeter_;
  const VpLimit vp_limit_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_RETARGET_CALL_H_
