#include "hyperv/hypercall/vp_calls.h"

#include <cstddef>
#include <cstdint>
#include <optional>

#include "hyperv/host/ids.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/hypercall/vtl.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

using tlfs::HvStatus;

bool StartVpCall::AddTo(CallTable& table) {
  return table.Add<StartVirtualProcessor, &StartVpCall::OnStart>(*this);
}

CallResult StartVpCall::OnStart(const Arguments<StartVirtualProcessor>& call) {
  const tlfs::StartVpInput& input = call.input;
  if (const HvStatus status = CheckTarget(input); status != HvStatus::kSuccess) {
    return CallResult(status);
  }
  if (input.vp_index >= vp_count_) return CallResult(HvStatus::kInvalidVpIndex);
  const std::optional<HvStatus> status =
      starter_.Start(call.caller, VpIndex(input.vp_index), input.context);
  return status.has_value() ? CallResult(*status) : CallResult::Again();
}

bool ApicIdCall::AddTo(CallTable& table) {
  return table.Add<GetVpIndexFromApicId, &ApicIdCall::OnGet>(*this);
}

CallResult ApicIdCall::OnGet(const Arguments<GetVpIndexFromApicId>& call) {
  if (const HvStatus status = CheckTarget(call.input); status != HvStatus::kSuccess) {
    return CallResult(status);
  }
  for (uint32_t rep = 0; rep < call.elements.size(); ++rep) {
    const std::optional<VpIndex> vp = ids_.FindVp(call.elements[rep]);
    if (!vp.has_value()) return CallResult::AfterReps(rep, HvStatus::kInvalidParameter);
    call.results[rep] = vp->value();
  }
  return CallResult(HvStatus::kSuccess);
}

}  // namespace hvkit::hyperv
