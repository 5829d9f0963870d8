#include "hyperv/hypercall/retarget_call.h"

#include <cstdint>
#include <span>

#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_retargeter.h"
#include "hyperv/host/vp_set.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/hypercall/vp_set.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_ext.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {
namespace {

using tlfs::HvStatus;
using tlfs::RetargetFlags;

constexpr uint64_t kKnownFlags =
    RetargetFlags::Multicast::kMask | RetargetFlags::ProcessorSet::kMask;

HvStatus Check(const tlfs::RetargetInterruptInput& input) {
  if (input.partition_id != tlfs::kPartitionIdSelf) return HvStatus::kInvalidPartitionId;
  const bool has_vector =
      input.vector >= tlfs::kIpiVectorMin && input.vector <= tlfs::kIpiVectorMax;
  const bool has_reserved =
      input.reserved != 0 || input.entry.reserved != 0 || (input.flags.raw & ~kKnownFlags) != 0;
  return has_vector && !has_reserved ? HvStatus::kSuccess : HvStatus::kInvalidParameter;
}

}  // namespace

bool RetargetCall::AddTo(CallTable& table) {
  return table.Add<RetargetDeviceInterrupt, &RetargetCall::OnRetarget>(*this);
}

HvStatus RetargetCall::OnRetarget(const Arguments<RetargetDeviceInterrupt>& call) {
  const tlfs::RetargetInterruptInput& input = call.input;
  if (const HvStatus status = Check(input); status != HvStatus::kSuccess) return status;
  VpSet vps;
  if (const HvStatus status = ReadTarget(call, vps); status != HvStatus::kSuccess) return status;
  if (vps.IsEmpty()) return HvStatus::kInvalidParameter;
  return retargeter_.Retarget(input.device_id, input.entry,
                              {.vector = Vector(static_cast<uint8_t>(input.vector)),
                               .multicast = RetargetFlags::Multicast::Get(input.flags) != 0,
                               .vps = vps});
}

// A set is the format in the fixed part and, in the variable header, the mask of banks and the
// banks.
HvStatus RetargetCall::ReadTarget(const Arguments<RetargetDeviceInterrupt>& call,
                                  VpSet& vps) const {
  const uint64_t& word = call.input.mask_or_format;
  if (RetargetFlags::ProcessorSet::Get(call.input.flags) == 0) {
    if (!call.variable_header.empty()) return HvStatus::kInvalidHypercallInput;
    vps = ReadVpMask(word, vp_limit_);
    return HvStatus::kSuccess;
  }
  if (call.variable_header.empty()) return HvStatus::kInvalidHypercallInput;
  const tlfs::VpSet set{.format = word, .valid_bank_mask = call.variable_header.front()};
  return ReadVpSet(set, call.variable_header.subspan(1), vp_limit_, vps);
}

}  // namespace hvkit::hyperv
