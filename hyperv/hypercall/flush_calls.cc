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
  uint64_t known = FlushFlags::AllProcessors::kMask | FlushFlags::AllVirtualAddressSpaces::kMask |
                   FlushFlags::NonGlobalMappingsOnly::kMask;
  // Without a list the format of its ranges does not matter.
  if (table.privileges().Has(tlfs::bits::kExtendedGvaRanges)) {
    known |= FlushFlags::UseExtendedRangeFormat::kMask;
  }
  reserved_flags_ = ~known;
  return table.Add<FlushSpace, &FlushCalls::OnCall<FlushSpace>>(*this) &&
         table.Add<FlushList, &FlushCalls::OnCall<FlushList>>(*this) &&
         table.Add<FlushSpaceEx, &FlushCalls::OnCall<FlushSpaceEx>>(*this) &&
         table.Add<FlushListEx, &FlushCalls::OnCall<FlushListEx>>(*this);
}

template <typename Definition>
CallResult FlushCalls::OnCall(const Arguments<Definition>& call) {
  const FlushFlags flags = call.input.flags;
  const uint64_t reserved_too = kIsRep<Definition> ? FlushFlags::NonGlobalMappingsOnly::kMask : 0;
  if ((flags.raw & (reserved_flags_ | reserved_too)) != 0) {
    return CallResult(HvStatus::kInvalidParameter);
  }
  const bool all = Has<FlushFlags::AllProcessors>(flags);
  if constexpr (Definition::kTakesVariableHeader) {
    VpSet vps;
    const HvStatus status =
        ReadVpSet(call.input.processor_set, call.variable_header, vp_limit_, vps);
    if (status != HvStatus::kSuccess) return CallResult(status);
    return all ? Flush(call, VpSet::All(vp_limit_)) : Flush(call, vps);
  } else {
    const uint64_t& mask = call.input.processor_mask;
    const bool is_empty_all = mask == 0 && policy_.empty_mask == FlushPolicy::EmptyMask::kAll;
    return Flush(call, all || is_empty_all ? VpSet::All(vp_limit_) : ReadVpMask(mask, vp_limit_));
  }
}

// The set is read, and the flags have been checked.
template <typename Definition>
CallResult FlushCalls::Flush(const Arguments<Definition>& call, const VpSet& vps) {
  if (vps.IsEmpty()) return CallResult(HvStatus::kSuccess);
  const FlushFlags flags = call.input.flags;
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
