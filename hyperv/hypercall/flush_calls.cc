#include "hyperv/hypercall/flush_calls.h"

#include <cstdint>
#include <optional>
#include <span>

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
  return table.Add<FlushSpace, &FlushCalls::OnSpace>(*this) &&
         table.Add<FlushList, &FlushCalls::OnList>(*this) &&
         table.Add<FlushSpaceEx, &FlushCalls::OnSpaceEx>(*this) &&
         table.Add<FlushListEx, &FlushCalls::OnListEx>(*this);
}

CallResult FlushCalls::OnSpace(const Arguments<FlushSpace>& call) {
  if (!AreValid(call.input.flags)) return CallResult(HvStatus::kInvalidParameter);
  return FlushMask(
      {.caller = call.caller, .address_space = call.input.address_space, .flags = call.input.flags},
      call.input.processor_mask);
}

CallResult FlushCalls::OnList(const Arguments<FlushList>& call) {
  if (!AreValidForList(call.input.flags)) return CallResult(HvStatus::kInvalidParameter);
  return FlushMask({.caller = call.caller,
                    .address_space = call.input.address_space,
                    .flags = call.input.flags,
                    .ranges = call.elements},
                   call.input.processor_mask);
}

CallResult FlushCalls::OnSpaceEx(const Arguments<FlushSpaceEx>& call) {
  if (!AreValid(call.input.flags)) return CallResult(HvStatus::kInvalidParameter);
  return FlushSet(
      {.caller = call.caller, .address_space = call.input.address_space, .flags = call.input.flags},
      call.input.processor_set, call.variable_header);
}

CallResult FlushCalls::OnListEx(const Arguments<FlushListEx>& call) {
  if (!AreValidForList(call.input.flags)) return CallResult(HvStatus::kInvalidParameter);
  return FlushSet({.caller = call.caller,
                   .address_space = call.input.address_space,
                   .flags = call.input.flags,
                   .ranges = call.elements},
                  call.input.processor_set, call.variable_header);
}

// Without a list the format of its ranges does not matter.
bool FlushCalls::AreValid(FlushFlags flags) const {
  uint64_t known = FlushFlags::AllProcessors::kMask | FlushFlags::AllVirtualAddressSpaces::kMask |
                   FlushFlags::NonGlobalMappingsOnly::kMask;
  if (has_extended_ranges_) known |= FlushFlags::UseExtendedRangeFormat::kMask;
  return (flags.raw & ~known) == 0;
}

bool FlushCalls::AreValidForList(FlushFlags flags) const {
  return AreValid(flags) && !Has<FlushFlags::NonGlobalMappingsOnly>(flags);
}

CallResult FlushCalls::FlushMask(const Request& request, const uint64_t& mask) const {
  const bool is_all = mask == 0 && policy_.empty_mask == FlushPolicy::EmptyMask::kAll;
  if (is_all || IsForAll(request)) return Flush(request, VpSet::All(vp_count_));
  return Flush(request, ReadVpMask(mask, vp_count_));
}

CallResult FlushCalls::FlushSet(const Request& request, const tlfs::VpSet& set,
                                std::span<const uint64_t> banks) const {
  VpSet vps;
  const HvStatus status = ReadVpSet(set, banks, vp_count_, vps);
  if (status != HvStatus::kSuccess) return CallResult(status);
  if (IsForAll(request)) return Flush(request, VpSet::All(vp_count_));
  return Flush(request, vps);
}

bool FlushCalls::IsForAll(const Request& request) {
  return Has<FlushFlags::AllProcessors>(request.flags);
}

CallResult FlushCalls::Flush(const Request& request, const VpSet& vps) const {
  if (vps.IsEmpty()) return CallResult(HvStatus::kSuccess);
  const FlushFlags flags = request.flags;
  TlbFlush flush{.caller = request.caller, .vps = vps, .address_space = request.address_space};
  if (Has<FlushFlags::AllVirtualAddressSpaces>(flags)) flush.address_space.reset();
  flush.keeps_global = Has<FlushFlags::NonGlobalMappingsOnly>(flags);
  flush.ranges = request.ranges;
  flush.extended = Has<FlushFlags::UseExtendedRangeFormat>(flags);
  return tlb_.Flush(flush) == Progress::kAgain ? CallResult::Again()
                                               : CallResult(HvStatus::kSuccess);
}

}  // namespace hvkit::hyperv
