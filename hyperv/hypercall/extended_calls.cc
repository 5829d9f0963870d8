#include "hyperv/hypercall/extended_calls.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>

#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/tlfs/hypercall_ext.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

bool ExtendedCalls::AddTo(CallTable& table) {
  if (!table.Add<ExtQueryCapabilities, &ExtendedCalls::OnQuery>(*this)) return false;
  return boot_zeroed_ == nullptr ||
         table.Add<ExtGetBootZeroedMemory, &ExtendedCalls::OnBootZeroed>(*this);
}

tlfs::HvStatus ExtendedCalls::OnQuery(const Arguments<ExtQueryCapabilities>& call) {
  tlfs::ExtCapabilities::GetBootZeroedMemory::Set(call.output, boot_zeroed_ == nullptr ? 0 : 1);
  return tlfs::HvStatus::kSuccess;
}

CallResult ExtendedCalls::OnBootZeroed(const Arguments<ExtGetBootZeroedMemory>& call) {
  std::array<tlfs::BootZeroedRange, tlfs::kMaxBootZeroedRanges> ranges;
  const size_t count = std::min(boot_zeroed_->Ranges(ranges), ranges.size());
  const std::span<const std::byte> found = std::as_bytes(std::span(ranges).first(count));
  std::ranges::copy(found, call.output_tail.begin());
  call.output.count = count;
  return CallResult::Written(static_cast<uint32_t>(found.size()));
}

}  // namespace hvkit::hyperv
