// Costs of finding a connection and of what is behind it, next to a bare rdtsc.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

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

namespace hvkit::hyperv {
namespace {

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
    benchmark::DoNotOptimize(
        synic.WriteMsr(static_cast<uint32_t>(tlfs::MsrIndex::kSint0) + kSint.value(), 0x52));
  }
  void Write(tlfs::MsrIndex index, uint64_t value) {
    benchmark::DoNotOptimize(synic.WriteMsr(static_cast<uint32_t>(index), value));
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

void Rdtsc(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(__builtin_ia32_rdtsc());
}
BENCHMARK(Rdtsc)->Name("rdtsc");

void Signal(benchmark::State& state, Connections& connections, uint32_t id) {
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(id);
    benchmark::DoNotOptimize(connections.SignalEvent(kVp, id, 0));
  }
}

void SignalDevice(benchmark::State& state) {
  NullDevice device;
  Table table(device, device);
  Signal(state, table.connections(), kEventId);
}
BENCHMARK(SignalDevice)->Name("ports_signal_event");

void SignalUnknown(benchmark::State& state) {
  NullDevice device;
  Table table(device, device);
  Signal(state, table.connections(), kEventId - 1);
}
BENCHMARK(SignalUnknown)->Name("ports_signal_event_unknown_connection");

void SignalSynic(benchmark::State& state) {
  Guest guest;
  Table table(guest.messages, guest.events);
  Signal(state, table.connections(), kEventId);
}
BENCHMARK(SignalSynic)->Name("ports_signal_event+synic_flag_already_set");

void PostDevice(benchmark::State& state) {
  NullDevice device;
  Table table(device, device);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(
        table.connections().PostMessage(kVp, kMessageId, kType, std::span(kPayload)));
  }
}
BENCHMARK(PostDevice)->Name("ports_post_message_240B");

void PostSynic(benchmark::State& state) {
  Guest guest;
  Table table(guest.messages, guest.events);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(
        table.connections().PostMessage(kVp, kMessageId, kType, std::span(kPayload)));
    benchmark::DoNotOptimize(guest.memory.Clear(kSint));
    guest.Write(tlfs::MsrIndex::kEom, 0);
  }
}
BENCHMARK(PostSynic)->Name("ports_post_message_240B+synic_slot(+guest clear+EOM)");

}  // namespace
}  // namespace hvkit::hyperv
