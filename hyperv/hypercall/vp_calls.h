// HvCallStartVirtualProcessor and HvCallGetVpIndexFromApicId.
//
// TLFS: hypercalls/HvCallStartVirtualProcessor.md, HvCallGetVpIndexFromApicId.md. There is one VTL.
#ifndef HVKIT_HYPERV_HYPERCALL_VP_CALLS_H_
#define HVKIT_HYPERV_HYPERCALL_VP_CALLS_H_

#include <cstdint>

#include "hyperv/host/vp_starter.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// HvCallStartVirtualProcessor.
struct StartVirtualProcessor : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kStartVirtualProcessor;
  using Input = tlfs::StartVpInput;
  static constexpr bool IsAllowed(const Privileges& guest) {
    return guest.Has(tlfs::bits::kStartVirtualProcessor);
  }
};
// HvCallGetVpIndexFromApicId.
struct GetVpIndexFromApicId : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kGetVpIndexFromApicId;
  using Input = tlfs::GetVpIndexFromApicIdInput;
  using Element = uint32_t;  // An APIC id
  using Result = uint32_t;   // A VP index
  static constexpr uint32_t kRepsPerEntry = 512;
  static constexpr bool IsAllowed(const Privileges& guest) {
    return guest.Has(tlfs::bits::kStartVirtualProcessor);
  }
};

// Immutable.
class StartVpCall {
 public:
  StartVpCall(VpStarter& starter, uint32_t vp_count) : starter_(starter), vp_count_(vp_count) {}

  // Adds these calls to a table that does not outlive this object. False if one of the codes is
  // taken or the table full.
  [[nodiscard]] bool AddTo(CallTable& table);

 private:
  CallResult OnStart(const Arguments<StartVirtualProcessor>& call);

  VpStarter& starter_;
  const uint32_t vp_count_;
};

// Immutable.
class ApicIdCall {
 public:
  explicit ApicIdCall(const ApicIds& ids) : ids_(ids) {}

  // Adds these calls to a table that does not outlive this object. False if one of the codes is
  // taken or the table full.
  [[nodiscard]] bool AddTo(CallTable& table);

 private:
  CallResult OnGet(const Arguments<GetVpIndexFromApicId>& call);

  const ApicIds& ids_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_VP_CALLS_H_
