// HvCallSendSyntheticClusterIpi and HvCallSendSyntheticClusterIpiEx.
//
// TLFS: hypercalls/HvCallSendSyntheticClusterIpi.md, ...IpiEx.md.
#ifndef HVKIT_HYPERV_HYPERCALL_IPI_CALLS_H_
#define HVKIT_HYPERV_HYPERCALL_IPI_CALLS_H_

#include <cstdint>

#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/vp_set.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// HvCallSendSyntheticClusterIpi.
struct SendIpi : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kSendSyntheticClusterIpi;
  using Input = tlfs::SendIpiInput;
  static constexpr bool IsAllowed(const Privileges& guest) {
    return guest.Has(tlfs::bits::kUseClusterIpi);
  }
};
// HvCallSendSyntheticClusterIpiEx.
struct SendIpiEx : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kSendSyntheticClusterIpiEx;
  using Input = tlfs::SendIpiExInput;
  static constexpr bool kTakesVariableHeader = true;
  static constexpr bool IsAllowed(const Privileges& guest) {
    return guest.Has(tlfs::bits::kUseClusterIpi) && guest.Has(tlfs::bits::kUseExProcessorMasks);
  }
};

// Immutable.
class IpiCalls {
 public:
  IpiCalls(InterruptSink& interrupts, uint32_t vp_count)
      : interrupts_(interrupts), vp_limit_(vp_count) {}

  // Adds these calls to a table that does not outlive this object. False if one of the codes is
  // taken or the table full.
  [[nodiscard]] bool AddTo(CallTable& table);

 private:
  tlfs::HvStatus OnSend(const Arguments<SendIpi>& call);
  tlfs::HvStatus OnSendEx(const Arguments<SendIpiEx>& call);
  void Send(uint32_t vector, const VpSet& vps) const;

  InterruptSink& interrupts_;
  const VpLimit vp_limit_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_IPI_CALLS_H_
