// HvCallPostDebugData, HvCallRetrieveDebugData and HvCallResetDebugSession.
//
// The TLFS only names them; blocks and checks from QEMU's hw/hyperv/hyperv.c and Linux's
// arch/x86/kvm/hyperv.c. The debugger itself is the host's DebugChannel.
#ifndef HVKIT_HYPERV_HYPERCALL_DEBUG_CALLS_H_
#define HVKIT_HYPERV_HYPERCALL_DEBUG_CALLS_H_

#include "hyperv/host/debug_channel.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// HvCallResetDebugSession.
struct ResetDebugSession : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kResetDebugSession;
  using Input = tlfs::ResetDebugSessionInput;
  using Output = tlfs::ResetDebugSessionOutput;
  static constexpr bool IsAllowed(const Privileges& guest) {
    return guest.Has(tlfs::bits::kDebugging);
  }
};
// HvCallPostDebugData.
struct PostDebugData : ResetDebugSession {
  static constexpr auto kCode = tlfs::CallCode::kPostDebugData;
  using Input = tlfs::PostDebugDataInput;
  using Output = tlfs::PostDebugDataOutput;
  static constexpr bool kHasInputTail = true;
};
// HvCallRetrieveDebugData.
struct RetrieveDebugData : ResetDebugSession {
  static constexpr auto kCode = tlfs::CallCode::kRetrieveDebugData;
  using Input = tlfs::RetrieveDebugDataInput;
  using Output = tlfs::RetrieveDebugDataOutput;
  static constexpr uint32_t kOutputTail = kToPageEnd;
};

// Immutable.
class DebugCalls {
 public:
  explicit DebugCalls(DebugChannel& channel) : channel_(channel) {}

  // Adds these calls to a table that does not outlive this object. False if one of the codes is
  // taken or the table full.
  [[nodiscard]] bool AddTo(CallTable& table);

 private:
  tlfs::HvStatus OnPost(const Arguments<PostDebugData>& call);
  CallResult OnRetrieve(const Arguments<RetrieveDebugData>& call);
  tlfs::HvStatus OnReset(const Arguments<ResetDebugSession>& call);

  DebugChannel& channel_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_DEBUG_CALLS_H_
