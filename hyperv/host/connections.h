// Where a guest's messages and events go: by connection id, to whatever the host has put there.
//
// TLFS: inter-partition-communication.md "Ports and Connections", hypercalls/HvCallPostMessage.md,
// HvCallSignalEvent.md. The calls have judged what needs no connection: reserved bits, message
// types and sizes.
#ifndef HVKIT_HYPERV_HOST_CONNECTIONS_H_
#define HVKIT_HYPERV_HOST_CONNECTIONS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "hyperv/host/ids.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {

// The connections that a guest can use. Thread-safe: each VP calls on its own thread.
class Connections {
 public:
  virtual ~Connections() = default;

  // `id` is below 2^24, `type` is one that a guest may post, `payload` has at most
  // tlfs::kMessagePayloadSize bytes and is gone afterwards. kInvalidConnectionId: no connection;
  // kInvalidPortId: not one for messages; kInsufficientBuffers: try again later;
  // kInvalidSynicState: the target's SynIC is off.
  virtual tlfs::HvStatus PostMessage(VpIndex caller, uint32_t id, tlfs::MessageType type,
                                     std::span<const std::byte> payload) = 0;

  // `id` is below 2^24, `flag` is as the guest gave it. kInvalidConnectionId: no connection;
  // kInvalidPortId: not one for events; kInvalidParameter: the port has no such flag;
  // kInvalidSynicState: the target's SynIC is off or its SINT masked. Success if the flag was set
  // before.
  virtual tlfs::HvStatus SignalEvent(VpIndex caller, uint32_t id, uint16_t flag) = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_CONNECTIONS_H_
