// An event port: a range of the event flags of one SINT of one virtual processor.
//
// TLFS: inter-partition-communication.md "Ports and Connections" (base flag number, flag count),
// hypercalls/HvCallSignalEvent.md. Connection ids are not here.
#ifndef HVKIT_HYPERV_SYNIC_EVENT_PORT_H_
#define HVKIT_HYPERV_SYNIC_EVENT_PORT_H_

#include <cstdint>

#include "hyperv/host/ids.h"
#include "hyperv/synic/connection_handlers.h"
#include "hyperv/synic/port_status.h"
#include "hyperv/synic/synic.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// Flags `first` to `first + count - 1`; those past the last of the SIEF page do not exist.
struct EventFlagRange {
  uint16_t first = 0;
  uint16_t count = 1;
};

// Thread-safe. The SynIC outlives it.
class EventPort final : public EventHandler {
 public:
  EventPort(Synic& target, SintIndex sint, EventFlagRange flags)
      : target_(target), sint_(sint), flags_(flags) {}

  // Sets a flag of the range, numbered from 0; at once, and without a kick.
  SignalResult Signal(uint16_t flag) {
    if (flag >= flags_.count) return SignalResult::kInvalidFlag;
    return target_.SignalEvent(sint_, uint32_t{flags_.first} + flag);
  }

  // EventHandler: a guest's events.
  tlfs::HvStatus OnEvent(VpIndex /*caller*/, uint16_t flag) override {
    return StatusOf(Signal(flag));
  }

 private:
  Synic& target_;
  const SintIndex sint_;
  const EventFlagRange flags_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_SYNIC_EVENT_PORT_H_
