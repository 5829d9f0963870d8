#include "hyperv/hypercall/connection_calls.h"

#include <cstddef>
#include <cstdint>
#include <span>

#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {
namespace {

using tlfs::HvStatus;

bool HasReservedBits(tlfs::ConnectionId id) { return tlfs::ConnectionId::Reserved::Get(id) != 0; }

bool IsPostable(const tlfs::PostMessageInput& input) {
  return input.message_type != static_cast<uint32_t>(tlfs::MessageType::kNone) &&
         (input.message_type & tlfs::kHypervisorMessageMask) == 0 &&
         input.payload_size <= tlfs::kMessagePayloadSize;
}

}  // namespace

bool ConnectionCalls::AddTo(CallTable& table) {
  return table.Add<PostMessage, &ConnectionCalls::OnPost>(*this) &&
         table.Add<SignalEvent, &ConnectionCalls::OnSignal>(*this);
}

HvStatus ConnectionCalls::OnPost(const Arguments<PostMessage>& call) {
  const tlfs::PostMessageInput& input = call.input;
  if (HasReservedBits(input.connection)) return HvStatus::kInvalidConnectionId;
  if (input.reserved != 0 || !IsPostable(input)) return HvStatus::kInvalidParameter;
  return connections_.PostMessage(
      call.caller, input.connection.raw, static_cast<tlfs::MessageType>(input.message_type),
      std::as_bytes(std::span(input.payload)).first(input.payload_size));
}

HvStatus ConnectionCalls::OnSignal(const Arguments<SignalEvent>& call) {
  const tlfs::SignalEventInput& input = call.input;
  if (HasReservedBits(input.connection) || input.reserved != 0) {
    return HvStatus::kInvalidHypercallInput;
  }
  return connections_.SignalEvent(call.caller, input.connection.raw, input.flag_number);
}

}  // namespace hvkit::hyperv
