// HvCallPostMessage and HvCallSignalEvent.
//
// TLFS: inter-partition-communication.md, hypercalls/HvCallPostMessage.md, HvCallSignalEvent.md.
// What is behind a connection id is the host's Connections.
#ifndef HVKIT_HYPERV_HYPERCALL_CONNECTION_CALLS_H_
#define HVKIT_HYPERV_HYPERCALL_CONNECTION_CALLS_H_

#include "hyperv/host/connections.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/definition.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// HvCallPostMessage.
struct PostMessage : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kPostMessage;
  using Input = tlfs::PostMessageInput;
  static constexpr bool IsAllowed(const Privileges& guest) {
    return guest.Has(tlfs::bits::kPostMessages);
  }
};
// HvCallSignalEvent.
struct SignalEvent : CallDefaults {
  static constexpr auto kCode = tlfs::CallCode::kSignalEvent;
  using Input = tlfs::SignalEventInput;
  static constexpr bool IsAllowed(const Privileges& guest) {
    return guest.Has(tlfs::bits::kSignalEvents);
  }
};

// Immutable.
class ConnectionCalls {
 public:
  explicit ConnectionCalls(Connections& connections) : connections_(connections) {}

  // Adds these calls to a table that does not outlive this object. False if one of the codes is
  // taken or the table full.
  [[nodiscard]] bool AddTo(CallTable& table);

 private:
  tlfs::HvStatus OnPost(const Arguments<PostMessage>& call);
  tlfs::HvStatus OnSignal(const Arguments<SignalEvent>& call);

  Connections& connections_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_CONNECTION_CALLS_H_
