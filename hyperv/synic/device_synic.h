// What a device needs of the guest's SynICs, whoever emulates them: routes to SINTs, and
// connections by which the guest reaches the device.
//
// TLFS: inter-partition-communication.md. The model's own is model_synic.h; a back end whose SynICs
// are elsewhere (KVM's) has its own. What goes through them is the device's.
#ifndef HVKIT_HYPERV_SYNIC_DEVICE_SYNIC_H_
#define HVKIT_HYPERV_SYNIC_DEVICE_SYNIC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "hyperv/host/ids.h"
#include "hyperv/synic/connection_handlers.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {

// One SINT of one VP, with buffers of its own for messages. Destroying it takes back the messages
// that were not delivered; what was delivered stays. Thread-safe; nothing here waits for the guest.
class SintRoute {
 public:
  virtual ~SintRoute() = default;

  // Requests the SINT's interrupt, unless it is masked or polled.
  virtual void Raise() = 0;

  // Messages of one route arrive in the order in which they were posted, once each. The type is not
  // kNone. kInsufficientBuffers: all buffers wait for the guest; kInvalidSynicState: its SynIC or
  // SIM page is off; kInvalidParameter: more than tlfs::kMessagePayloadSize bytes.
  virtual tlfs::HvStatus PostMessage(tlfs::MessageType type,
                                     std::span<const std::byte> payload) = 0;

  // Sets an event flag of the SINT, with an interrupt if it was not set. kInvalidSynicState: the
  // SynIC or SIEF page is off, or the SINT masked; kInvalidParameter: no such flag.
  virtual tlfs::HvStatus SetEventFlag(uint32_t flag) = 0;
};

// A connection while it lasts. Once destroyed its handler is not called any more; so never from
// within the handler.
class DeviceConnection {
 public:
  virtual ~DeviceConnection() = default;
};

// Thread-safe. Routes and connections go before it does.
class DeviceSynic {
 public:
  virtual ~DeviceSynic() = default;

  // `port` goes into the messages as their origin. NotFound: there is no such VP.
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<SintRoute>> OpenRoute(VpIndex vp,
                                                                             SintIndex sint,
                                                                             tlfs::PortId port) = 0;

  // From now on a guest's messages, or events, for the connection go to the handler, which outlives
  // the connection. InvalidArgument: reserved bits in the id; AlreadyExists: the id is in use, for
  // either kind; ResourceExhausted: too many connections.
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<DeviceConnection>> ConnectMessages(
      tlfs::ConnectionId id, MessageHandler& handler) = 0;
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<DeviceConnection>> ConnectEvents(
      tlfs::ConnectionId id, EventHandler& handler) = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_SYNIC_DEVICE_SYNIC_H_
