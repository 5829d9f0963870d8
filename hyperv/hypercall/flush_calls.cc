#include "hyperv/hypercall/flush_calls.h"

#include <cstdint>
#include <optional>

#include "hyperv/host/tlb_flusher.h"
#include "hyperv/host/vp_set.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/hypercall/vp_set.h"
#include "hyperv/policy/policy.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {
namespace {

using tlfs::FlushFlags;
using tlfs::HvStatus;

template <typename Flag>
bool Has(FlushFlags flags) {
  return Flag::Get(flags) != 0;
}

}  // namespace

bool FlushCalls::AddTo(CallTable& table) {
  has_extended_ranges_ = table.privileges().Has(tlfs::bits::kExtendedGvaRanges);
  return table.Add<FlushSpace, &FlushCalls::OnCall<FlushSpace>>(*this) &&
         table.Add<FlushList, &FlushCalls::OnCall<FlushList>>(*this) &&
         table.Add<FlushSpaceEx, &FlushCalls::OnCall<FlushSpaceEx>>(*this) &&
         table.Add<FlushListEx, &FlushCalls::OnCall<FlushListEx>>(*this);
}

// Without a list the format of its ranges does not matter.
uint64_t FlushCalls::KnownFlags(bool is_list) const {
  uint64_t known = FlushFlags::AllProcessors::kMask | FlushFlags::AllVirtualAddressSpaces::kMask;
  if (!is_list) known |= FlushFlags::NonGlobalMappingsOnly::kMask;
  if (has_extended_ranges_) known |= FlushFlags::UseExtendedRangeFormat::kMask;
  return known;
}

template <typename Definition>
HvStatus FlushCalls::ReadVps(const Arguments<Definition>& call, VpSet& vps) const {
  if constexpr (Definition::kTakesVariableHeader) {
    const HvStatus status =
        ReadVpSet(call.input.processor_set, call.variable_header, vp_limit_, vps);
    if (status != HvStatus::kSuccess) return status;
  } else {
    const uint64_t& mask = call.input.processor_mask;
    const bool is_empty_all = mask == 0 && policy_.empty_mask == FlushPolicy::EmptyMask::kAll;
    vps = is_empty_all ? VpSet::All(vp_limit_) : ReadVpMask(mask, vp_limit_);
  }
  if (Has<FlushFlags::AllProcessors>(call.input.flags)) vps = VpSet::All(vp_limit_);
  return HvStatus::kSuccess;
}

template <typename Definition>
CallResult FlushCalls::OnCall(const Arguments<Definition>& call) {
  const FlushFlags flags = call.input.flags;
  if ((flags.raw & ~KnownFlags(kIsRep<Definition>)) != 0) {
    return CallResult(HvStatus::kInvalidParameter);
  }
  VpSet vps;
  const HvStatus status = ReadVps(call, vps);
  if (status != HvStatus::kSuccess || vps.IsEmpty()) return CallResult(status);
  TlbFlush flush{.caller = call.caller,
                 .vps = vps,
                 .address_space = call.input.address_space,
                 .keeps_global = Has<FlushFlags::NonGlobalMappingsOnly>(flags),
                 .ranges = {},
                 .extended = Has<FlushFlags::UseExtendedRangeFormat>(flags)};
  if (Has<FlushFlags::AllVirtualAddressSpaces>(flags)) flush.address_space.reset();
  if constexpr (kIsRep<Definition>) flush.ranges = call.elements;
  const bool is_done = tlb_.Flush(flush) == Progress::kDone;
  return is_done ? CallResult(HvStatus::kSuccess) : CallResult::Again();
}

}  // namespace hvkit::hyperv
