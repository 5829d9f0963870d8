// What receives a guest's messages and events at the far end of a connection: a device on the host,
// or a port of the guest's own (message_port.h, event_port.h).
//
// TLFS: inter-partition-communication.md "Ports and Connections", hypercalls/HvCallPostMessage.md,
// HvCallSignalEvent.md. Connection ids are not here: synic_ports.h.
#ifndef HVKIT_HYPERV_SYNIC_CONNECTION_HANDLERS_H_
#define HVKIT_HYPERV_SYNIC_CONNECTION_HANDLERS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "hyperv/host/ids.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {

// A message port. Thread-safe: called on the threads of the VPs that post, from within their
// hypercalls; so it does not block, nor breaks the connection that it is called through.
class MessageHandler {
 public:
  virtual ~MessageHandler() = default;

  // `type` is one that a guest may post. The payload has at most tlfs::kMessagePayloadSize bytes
  // and is gone afterwards. The guest gets the status; it posts again after kInsufficientBuffers.
  virtual tlfs::HvStatus OnMessage(VpIndex caller, tlfs::MessageType type,
                                   std::span<const std::byte> payload) = 0;
};

// An event port. Thread-safe, as MessageHandler.
class EventHandler {
 public:
  virtual ~EventHandler() = default;

  // `flag` is any number: kInvalidParameter if the port has no such flag.
  virtual tlfs::HvStatus OnEvent(VpIndex caller, uint16_t flag) = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_SYNIC_CONNECTION_HANDLERS_H_
