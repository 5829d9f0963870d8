// Costs of the SynIC on its VP's thread, next to a bare rdtsc. Its MSRs through the whole partition
// are in hyperv/partition/msr_benchmark.cc, under the peers' names.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/vp_scheduler.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/synic/message_port.h"
#include "hyperv/synic/synic.h"
#include "hyperv/synic/test_guest.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/synic.h"
#include "testing/benchmarks/scenario.h"

namespace hvkit::hyperv {
namespace {

using benchmarks::AddScenario;
using benchmarks::Keep;

constexpr uint32_t Index(tlfs::MsrIndex index) { return static_cast<uint32_t>(index); }

constexpr uint32_t kScontrol = Index(tlfs::MsrIndex::kScontrol);
constexpr uint32_t kSiefp = Index(tlfs::MsrIndex::kSiefp);
constexpr uint32_t kSimp = Index(tlfs::MsrIndex::kSimp);
constexpr uint32_t kEom = Index(tlfs::MsrIndex::kEom);
constexpr uint32_t kSint2 = Index(tlfs::MsrIndex::kSint0) + 2;
constexpr uint32_t kUnknown = kEom + 1;
constexpr SintIndex kSint = SintIndex::Of<2>();
constexpr std::byte kPayload[16] = {};

// Hosts that cost as little as a virtual call can.
class CountingSink : public InterruptSink {
 public:
  void RequestFixed(VpIndex, Vector, EoiMode) override { ++requests; }
  bool SupportsAutoEoi() const override { return true; }
  uint64_t requests = 0;
};
class CountingScheduler : public VpScheduler {
 public:
  void Kick(VpIndex) override { ++kicks; }
  void SetDeadline(VpIndex, std::optional<RefTime>) override {}
  uint64_t kicks = 0;
};

// A SynIC with both pages enabled and SINT 2 unmasked, and a port for it.
struct Machine {
  Machine() {
    Write(kSimp, TestGuest::kSimpPage | 1);
    Write(kSiefp, TestGuest::kSiefpPage | 1);
    Write(kSint2, 0x52);
  }
  void Write(uint32_t index, uint64_t value) { Keep(synic.WriteMsr(index, value)); }

  TestGuest guest;
  OverlayMap overlays{guest.memory()};
  CountingSink sink;
  CountingScheduler scheduler;
  Synic synic{
      {.vp = VpIndex(0), .polling = SintPolling::kAbsent, .policy = {}}, overlays, sink, scheduler};
  MessagePort port{synic, kSint, 1};
};

auto ReadMsr(uint32_t msr) {
  return [msr] {
    return [machine = std::make_unique<Machine>(), index = msr]() mutable {
      Keep(index);
      Keep(machine->synic.ReadMsr(index));
    };
  };
}

auto WriteMsr(uint32_t msr, uint64_t new_value) {
  return [=] {
    return [machine = std::make_unique<Machine>(), index = msr, value = new_value]() mutable {
      Keep(index);
      Keep(value);
      machine->Write(index, value);
    };
  };
}

auto Direct() {
  return [machine = std::make_unique<Machine>()] {
    machine->synic.Poll();
    Keep(machine->port.PostFromVp(tlfs::MessageType{1}, kPayload));
    Keep(machine->guest.Clear(kSint));
    machine->Write(kEom, 0);
  };
}

auto Queued() {
  return [machine = std::make_unique<Machine>()] {
    Keep(machine->port.Post(tlfs::MessageType{1}, kPayload));
    machine->synic.Poll();
    Keep(machine->guest.Clear(kSint));
    machine->Write(kEom, 0);
  };
}

auto QueuedBehindBusySlot() {
  auto machine = std::make_unique<Machine>();
  Keep(machine->port.PostFromVp(tlfs::MessageType{1}, kPayload));
  return [machine = std::move(machine)] {
    Keep(machine->port.PostFromVp(tlfs::MessageType{1}, kPayload));
    Keep(machine->guest.Clear(kSint));
    machine->Write(kEom, 0);
  };
}

auto SignalNewlySet() {
  return [machine = std::make_unique<Machine>()] {
    Keep(machine->synic.SignalEvent(kSint, 7));
    machine->guest.ClearFlags(kSint, 0);
  };
}

auto SignalAlreadySet() {
  auto machine = std::make_unique<Machine>();
  Keep(machine->synic.SignalEvent(kSint, 7));
  return [machine = std::move(machine)] { Keep(machine->synic.SignalEvent(kSint, 7)); };
}

auto MoveSimp() {
  return [machine = std::make_unique<Machine>(), page = TestGuest::kSimpPage]() mutable {
    page ^= TestGuest::kSimpPage ^ TestGuest::kSparePage;
    machine->Write(kSimp, page | 1);
  };
}

void AddAll() {
  const std::string alone = ", SynIC alone";
  AddScenario("msr_read_sint2" + alone, ReadMsr(kSint2));
  AddScenario("msr_read_unknown" + alone, ReadMsr(kUnknown));
  AddScenario("msr_write_sint2" + alone, WriteMsr(kSint2, 0x52));
  AddScenario("msr_write_scontrol" + alone, WriteMsr(kScontrol, 1));
  AddScenario("msr_write_eom" + alone, WriteMsr(kEom, 0));
  AddScenario("msr_write_unknown" + alone, WriteMsr(kUnknown, 0));
  AddScenario("synic post_message direct: ready-scan+post+guest clear+EOM", Direct);
  AddScenario("synic post_message queued: enqueue+scan+deliver+clear+EOM", Queued);
  AddScenario("synic post_message to busy slot: post+clear+EOM+deliver", QueuedBehindBusySlot);
  AddScenario("synic_signal_event_newly_set(+guest clear)", SignalNewlySet);
  AddScenario("synic_signal_event_already_set", SignalAlreadySet);
  AddScenario("simp enable/move (MSR write, overlay copy)" + alone, MoveSimp);
}
[[maybe_unused]] const int kAdded = (AddAll(), 0);

}  // namespace
}  // namespace hvkit::hyperv
