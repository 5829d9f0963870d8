#include "hyperv/hypercall/vp_register_calls.h"

#include <cstdint>

#include "hyperv/host/ids.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/hypercall/vtl.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

using tlfs::HvStatus;

bool VpRegisterCalls::AddTo(CallTable& table) {
  return table.Add<GetVpRegisters, &VpRegisterCalls::OnGet>(*this) &&
         table.Add<SetVpRegisters, &VpRegisterCalls::OnSet>(*this);
}

HvStatus VpRegisterCalls::FindVp(VpIndex caller, const tlfs::VpRegistersInput& input,
                                 VpIndex& vp) const {
  const HvStatus status = CheckTarget(input);
  if (status != HvStatus::kSuccess) return status;
  vp = input.vp_index == tlfs::kVpIndexSelf ? caller : VpIndex(input.vp_index);
  return vp.value() < vp_count_ ? HvStatus::kSuccess : HvStatus::kInvalidVpIndex;
}

CallResult VpRegisterCalls::OnGet(const Arguments<GetVpRegisters>& call) {
  VpIndex vp = call.caller;
  HvStatus status = FindVp(call.caller, call.input, vp);
  if (status != HvStatus::kSuccess) return CallResult(status);
  for (uint32_t rep = 0; rep < call.elements.size(); ++rep) {
    tlfs::VpRegisterValue value;
    status = registers_.Get(call.caller, vp, call.elements[rep], value);
    if (status != HvStatus::kSuccess) return CallResult::AfterReps(rep, status);
    call.results[rep] = value;
  }
  return CallResult(HvStatus::kSuccess);
}

CallResult VpRegisterCalls::OnSet(const Arguments<SetVpRegisters>& call) {
  VpIndex vp = call.caller;
  HvStatus status = FindVp(call.caller, call.input, vp);
  if (status != HvStatus::kSuccess) return CallResult(status);
  for (uint32_t rep = 0; rep < call.elements.size(); ++rep) {
    const tlfs::VpRegisterEntry& entry = call.elements[rep];
    if (!IsZero(entry.reserved)) return CallResult::AfterReps(rep, HvStatus::kInvalidParameter);
    status = registers_.Set(call.caller, vp, entry.name, entry.value);
    if (status != HvStatus::kSuccess) return CallResult::AfterReps(rep, status);
  }
  return CallResult(HvStatus::kSuccess);
}

}  // namespace hvkit::hyperv
