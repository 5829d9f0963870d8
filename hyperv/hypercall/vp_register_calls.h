// HvCallGetVpRegisters and HvCallSetVpRegisters.
//
// TLFS: hypercalls/HvCallGetVpRegisters.md, HvCallSetVpRegisters.md. There is one VTL, and no
// partition but the caller's own. Which registers there are is the host's VpRegisterAccess.
#ifndef HVKIT_HYPERV_HYPERCALL_VP_REGISTER_CALLS_H_
#define HVKIT_HYPERV_HYPERCALL_VP_REGISTER_CALLS_H_

#include <cstdint>
#include <optional>

#include "hyperv/host/ids.h"
#include "hyperv/host/vp_register_access.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// HvCallGetVpRegisters.
struct GetVpRegisters : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kGetVpRegisters;
  using Input = tlfs::VpRegistersInput;
  using Element = uint32_t;  // A register's name
  using Result = tlfs::VpRegisterValue;
  static constexpr uint32_t kRepsPerEntry = 16;  // Each may cost the host a system call
  static constexpr bool IsAllowed(const Privileges& guest) {
    return guest.Has(tlfs::bits::kAccessVpRegisters);
  }
};
// HvCallSetVpRegisters.
struct SetVpRegisters : GetVpRegisters {
  static constexpr auto kCode = tlfs::CallCode::kSetVpRegisters;
  using Element = tlfs::VpRegisterEntry;
  using Result = NoData;
};

// Immutable.
class VpRegisterCalls {
 public:
  VpRegisterCalls(VpRegisterAccess& registers, uint32_t vp_count)
      : registers_(registers), vp_count_(vp_count) {}

  // Adds these calls to a table that does not outlive this object. False if one of the codes is
  // taken or the table full.
  [[nodiscard]] bool AddTo(CallTable& table);

 private:
  CallResult OnGet(const Arguments<GetVpRegisters>& call);
  CallResult OnSet(const Arguments<SetVpRegisters>& call);
  tlfs::HvStatus FindVp(VpIndex caller, const tlfs::VpRegistersInput& input, VpIndex& vp) const;

  VpRegisterAccess& registers_;
  const uint32_t vp_count_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_VP_REGISTER_CALLS_H_
