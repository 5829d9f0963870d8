// Costs of finding a connection and of what is behind it, next to a bare rdtsc.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "hyperv/host/connections.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/vp_scheduler.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/synic/connection_handlers.h"
#include "hyperv/synic/event_port.h"
#include "hyperv/synic/message_port.h"
#include "hyperv/synic/synic.h"
#include "hyperv/synic/synic_ports.h"
#include "hyperv/synic/test_guest.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"
#include "testing/benchmarks/scenario.h"

namespace hvkit::hyperv {
namespace {

using benchmarks::AddScenario;
using benchmarks::Keep;

constexpr VpIndex kVp(0);
constexpr SintIndex kSint = SintIndex::Of<2>();
constexpr tlfs::MessageType kType{1};
constexpr uint32_t kMessageId = 1;
constexpr uint32_t kEventId = 0x2000;
constexpr std::array<std::byte, tlfs::kMessagePayloadSize> kPayload{};

// Hosts and devices that cost as little as a virtual call can.
class NullSink : public InterruptSink {
 public:
  void RequestFixed(VpIndex, Vector, EoiMode) override {}
  bool SupportsAutoEoi() const override { return true; }
};
class NullScheduler : public VpScheduler {
 public:
  void Kick(VpIndex) override {}
  void SetDeadline(VpIndex, std::optional<RefTime>) override {}
};
class NullDevice : public MessageHandler, public EventHandler {
 public:
  tlfs::HvStatus OnMessage(VpIndex, tlfs::MessageType, std::span<const std::byte>) override {
    return tlfs::HvStatus::kSuccess;
  }
  tlfs::HvStatus OnEvent(VpIndex, uint16_t) override { return tlfs::HvStatus::kSuccess; }
};

// A connection of each kind to the handlers, among a hundred others.
struct Table {
  Table(MessageHandler& messages, EventHandler& events)
      : message(ports.ConnectMessages(kMessageId, messages)),
        event(ports.ConnectEvents(kEventId, events)) {
    for (uint32_t i = 0; i < others.size(); ++i) {
      others[i].emplace(ports.ConnectEvents(kEventId + 1 + i, device));
    }
  }
  // As the dispatcher has it.
  Connections& connections() { return ports; }

  NullDevice device;
  SynicPorts ports;
  absl::StatusOr<Connection> message;
  absl::StatusOr<Connection> event;
  std::array<std::optional<absl::StatusOr<Connection>>, 100> others;
};

// A SynIC with both pages enabled and SINT 2 unmasked, and ports for it.
struct Guest {
  Guest() {
    Write(tlfs::MsrIndex::kSimp, TestGuest::kSimpPage | 1);
    Write(tlfs::MsrIndex::kSiefp, TestGuest::kSiefpPage | 1);
    Keep(synic.WriteMsr(static_cast<uint32_t>(tlfs::MsrIndex::kSint0) + kSint.value(), 0x52));
  }
  void Write(tlfs::MsrIndex index, uint64_t value) {
    Keep(synic.WriteMsr(static_cast<uint32_t>(index), value));
  }

  TestGuest memory;
  OverlayMap overlays{memory.memory()};
  NullSink sink;
  NullScheduler scheduler;
  Synic synic{
      {.vp = kVp, .polling = SintPolling::kAbsent, .policy = {}}, overlays, sink, scheduler};
  MessagePort messages{synic, kSint, 1};
  EventPort events{synic, kSint, {}};
};

// Connections to a device, and to a guest's SynIC.
struct DeviceTable {
  NullDevice device;
  Table table{device, device};
};
struct GuestTable {
  Guest guest;
  Table table{guest.messages, guest.events};
};

template <typename Owner>
auto Signal(uint32_t connection) {
  return [connection] {
    auto owner = std::make_unique<Owner>();
    Connections& connections = owner->table.connections();
    return [owner = std::move(owner), &connections, id = connection]() mutable {
      Keep(id);
      Keep(connections.SignalEvent(kVp, id, 0));
    };
  };
}

auto PostDevice() {
  auto owner = std::make_unique<DeviceTable>();
  Connections& connections = owner->table.connections();
  return [owner = std::move(owner), &connections] {
    Keep(connections.PostMessage(kVp, kMessageId, kType, std::span(kPayload)));
  };
}

auto PostSynic() {
  auto owner = std::make_unique<GuestTable>();
  Connections& connections = owner->table.connections();
  return [owner = std::move(owner), &connections] {
    Keep(connections.PostMessage(kVp, kMessageId, kType, std::span(kPayload)));
    Keep(owner->guest.memory.Clear(kSint));
    owner->guest.Write(tlfs::MsrIndex::kEom, 0);
  };
}

void AddAll() {
  AddScenario("ports_signal_event", Signal<DeviceTable>(kEventId));
  AddScenario("ports_signal_event_unknown_connection", Signal<DeviceTable>(kEventId - 1));
  AddScenario("ports_signal_event+synic_flag_already_set", Signal<GuestTable>(kEventId));
  AddScenario("ports_post_message_240B", PostDevice);
  AddScenario("ports_post_message_240B+synic_slot(+guest clear+EOM)", PostSynic);
}
[[maybe_unused]] const int kAdded = (AddAll(), 0);

}  // namespace
}  // namespace hvkit::hyperv
