// A message port: where others post messages for one SINT of one virtual processor, with the
// buffers that hold them until the guest has room.
//
// TLFS: inter-partition-communication.md "Ports and Connections", "Guest Message Buffers",
// hypercalls/HvCallPostMessage.md. Connection ids and which types a guest may post are not here.
#ifndef HVKIT_HYPERV_SYNIC_MESSAGE_PORT_H_
#define HVKIT_HYPERV_SYNIC_MESSAGE_PORT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "hyperv/host/ids.h"
#include "hyperv/synic/connection_handlers.h"
#include "hyperv/synic/message_queue.h"
#include "hyperv/synic/message_slot.h"
#include "hyperv/synic/port_status.h"
#include "hyperv/synic/synic.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {

// Thread-safe, under the lock of the SynIC, which outlives it. Destruction takes back the messages
// that were not delivered.
class MessagePort final : public MessageHandler {
 public:
  // `origin` goes into the messages: the port's id.
  MessagePort(Synic& target, SintIndex sint, uint64_t origin)
      : target_(target), sint_(sint), origin_(origin) {}
  ~MessagePort() override { target_.Withdraw(sint_, pool_); }
  MessagePort(const MessagePort&) = delete;
  MessagePort& operator=(const MessagePort&) = delete;

  SintIndex sint() const { return sint_; }

  // Queues a message and kicks the VP, which delivers it. Any thread.
  PostResult Post(tlfs::MessageType type, std::span<const std::byte> payload) {
    if (!IsMessage(type, payload)) return PostResult::kInvalidMessage;
    return target_.Post(sint_, pool_, SlotHeader(type, payload.size(), origin_), payload);
  }
  // The same on the VP's own thread: delivers at once if the slot is free.
  PostResult PostFromVp(tlfs::MessageType type, std::span<const std::byte> payload) {
    if (!IsMessage(type, payload)) return PostResult::kInvalidMessage;
    return target_.PostFromVp(sint_, pool_, SlotHeader(type, payload.size(), origin_), payload);
  }

  // MessageHandler: a guest's messages.
  tlfs::HvStatus OnMessage(VpIndex caller, tlfs::MessageType type,
                           std::span<const std::byte> payload) override {
    return StatusOf(caller == target_.vp() ? PostFromVp(type, payload) : Post(type, payload));
  }

 private:
  static bool IsMessage(tlfs::MessageType type, std::span<const std::byte> payload) {
    return type != tlfs::MessageType::kNone && payload.size() <= tlfs::kMessagePayloadSize;
  }

  Synic& target_;
  const SintIndex sint_;
  const uint64_t origin_;
  MessagePool pool_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_SYNIC_MESSAGE_PORT_H_
