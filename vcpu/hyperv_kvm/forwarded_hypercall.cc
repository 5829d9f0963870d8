#include "vcpu/hyperv_kvm/forwarded_hypercall.h"

#include <bit>
#include <span>

#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::vcpu {
namespace {

using hyperv::tlfs::CallCode;
using hyperv::tlfs::ConnectionId;
using hyperv::tlfs::HvStatus;
using hyperv::tlfs::HypercallControl;
using hyperv::tlfs::kHypervisorMessageMask;
using hyperv::tlfs::PostMessageInput;
using hyperv::tlfs::SignalEventInput;

constexpr uint64_t kInputAlignment = 8;

// Simple calls have no list and no variable header.
bool IsSimple(HypercallControl control) {
  return HypercallControl::RepCount::Get(control) == 0 &&
         HypercallControl::RepStart::Get(control) == 0 &&
         HypercallControl::VariableHeaderSize::Get(control) == 0;
}

HvStatus PostMessage(HypercallControl control, uint64_t input, const hyperv::GuestMemory& memory) {
  // Its 256 bytes fit into no register form.
  if (!IsSimple(control) || HypercallControl::Fast::Get(control) != 0)
    return HvStatus::kInvalidHypercallInput;
  const hyperv::Gpa address(input);
  PostMessageInput block;
  if (!address.IsAligned(kInputAlignment) || !address.FitsInPage(sizeof(block)) ||
      memory.Read(address, std::as_writable_bytes(std::span(&block, 1))) !=
          hyperv::MemFault::kNone) {
    return HvStatus::kInvalidAlignment;
  }
  const bool bad_type =
      block.message_type == 0 || (block.message_type & kHypervisorMessageMask) != 0;
  if (bad_type || block.payload_size > block.payload.size()) return HvStatus::kInvalidParameter;
  return HvStatus::kInvalidConnectionId;
}

HvStatus SignalEvent(HypercallControl control, uint64_t input) {
  if (!IsSimple(control)) return HvStatus::kInvalidHypercallInput;
  const auto event = std::bit_cast<SignalEventInput>(input);
  if (event.reserved != 0 || ConnectionId::Reserved::Get(event.connection) != 0) {
    return HvStatus::kInvalidHypercallInput;
  }
  return HvStatus::kInvalidConnectionId;
}

HvStatus Status(HypercallControl control, uint64_t input, const hyperv::GuestMemory& memory) {
  switch (static_cast<CallCode>(HypercallControl::Code::Get(control))) {
    case CallCode::kPostMessage:
      return PostMessage(control, input, memory);
    case CallCode::kSignalEvent:
      return SignalEvent(control, input);
    default:
      return HvStatus::kInvalidHypercallCode;
  }
}

}  // namespace

uint64_t CompleteForwardedHypercall(uint64_t control, uint64_t input,
                                    const hyperv::GuestMemory& memory) {
  return static_cast<uint64_t>(Status(HypercallControl{control}, input, memory));
}

}  // namespace hvkit::vcpu
