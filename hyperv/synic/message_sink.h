// How messages that have no buffer in a queue reach a slot of the SIM page: synthetic timers keep
// their own expiry and try again when the slot is free.
//
// TLFS: inter-partition-communication.md "Message Sources" (each timer has a message buffer of its
// own), timers.md "Synthetic Timer Expiration Message". Queued messages of ports are not here.
#ifndef HVKIT_HYPERV_SYNIC_MESSAGE_SINK_H_
#define HVKIT_HYPERV_SYNIC_MESSAGE_SINK_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "hyperv/host/ids.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {

// What became of a message.
enum class [[nodiscard]] Delivery : uint8_t {
  kDelivered,  // In the slot, and the SINT's interrupt requested unless it is masked or polled
  kSlotBusy,   // The slot holds a message, and the guest has been asked for an EOM
  kOff,        // The SynIC or its message page is disabled
};

// Where a message goes at once or not at all. VP thread.
class MessageSink {
 public:
  virtual ~MessageSink() = default;

  // After any answer but kDelivered the sink calls its SlotWaiter once, when trying again makes
  // sense. The payload is header.payload_size bytes, at most tlfs::kMessagePayloadSize; the type is
  // not kNone; header.flags is the sink's.
  virtual Delivery Deliver(SintIndex sint, const tlfs::MessageHeader& header,
                           std::span<const std::byte> payload) = 0;
};

// Who is told that a slot it could not have is free. VP thread.
class SlotWaiter {
 public:
  virtual ~SlotWaiter() = default;

  // Called from within the guest's EOM, EOI, SIMP and SCONTROL writes; may call the sink.
  virtual void OnSlotFree(SintIndex sint) = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_SYNIC_MESSAGE_SINK_H_
