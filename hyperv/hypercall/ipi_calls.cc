#include "hyperv/hypercall/ipi_calls.h"

#include <cstdint>

#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/vp_set.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/hypercall/vp_set.h"
#include "hyperv/hypercall/vtl.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {
namespace {

using tlfs::HvStatus;

// The TLFS names no status for these; KVM's is kInvalidHypercallInput.
template <typename Input>
bool IsValid(const Input& input) {
  return input.vector >= tlfs::kIpiVectorMin && input.vector <= tlfs::kIpiVectorMax &&
         IsOnlyVtl(input.target_vtl) && IsZero(input.reserved);
}

}  // namespace

bool IpiCalls::AddTo(CallTable& table) {
  return table.Add<SendIpi, &IpiCalls::OnSend>(*this) &&
         table.Add<SendIpiEx, &IpiCalls::OnSendEx>(*this);
}

HvStatus IpiCalls::OnSend(const Arguments<SendIpi>& call) {
  if (!IsValid(call.input)) return HvStatus::kInvalidHypercallInput;
  Send(call.input.vector, ReadVpMask(call.input.processor_mask, vp_limit_));
  return HvStatus::kSuccess;
}

HvStatus IpiCalls::OnSendEx(const Arguments<SendIpiEx>& call) {
  if (!IsValid(call.input)) return HvStatus::kInvalidHypercallInput;
  VpSet vps;
  const HvStatus status = ReadVpSet(call.input.processor_set, call.variable_header, vp_limit_, vps);
  if (status == HvStatus::kSuccess) Send(call.input.vector, vps);
  return status;
}

void IpiCalls::Send(uint32_t vector, const VpSet& vps) const {
  const Vector fixed(static_cast<uint8_t>(vector));
  vps.ForEach([&](VpIndex vp) { interrupts_.RequestFixed(vp, fixed, EoiMode::kNormal); });
}

}  // namespace hvkit::hyperv
