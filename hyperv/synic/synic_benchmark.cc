// Costs of the SynIC on its VP's thread, next to a bare rdtsc. Scenario names are those of the
// peers' measurements, so that runs can be paired.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

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

namespace hvkit::hyperv {
namespace {

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
  void Write(uint32_t index, uint64_t value) {
    benchmark::DoNotOptimize(synic.WriteMsr(index, value));
  }

  TestGuest guest;
  OverlayMap overlays{guest.memory()};
  CountingSink sink;
  CountingScheduler scheduler;
  Synic synic{
      {.vp = VpIndex(0), .polling = SintPolling::kAbsent, .policy = {}}, overlays, sink, scheduler};
  MessagePort port{synic, kSint, 1};
};

void Rdtsc(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(__builtin_ia32_rdtsc());
}
BENCHMARK(Rdtsc)->Name("rdtsc");

void ReadMsr(benchmark::State& state, uint32_t index) {
  Machine machine;
  for (auto _ : state) {
    benchmark::DoNotOptimize(index);
    benchmark::DoNotOptimize(machine.synic.ReadMsr(index));
  }
}
BENCHMARK_CAPTURE(ReadMsr, sint2, kSint2)->Name("msr_read_sint2");
BENCHMARK_CAPTURE(ReadMsr, unknown, kUnknown)->Name("msr_read_unknown");

void WriteMsr(benchmark::State& state, uint32_t index, uint64_t value) {
  Machine machine;
  for (auto _ : state) {
    benchmark::DoNotOptimize(index);
    benchmark::DoNotOptimize(value);
    machine.Write(index, value);
  }
}
BENCHMARK_CAPTURE(WriteMsr, sint2, kSint2, 0x52)->Name("msr_write_sint2");
BENCHMARK_CAPTURE(WriteMsr, scontrol, kScontrol, 1)->Name("msr_write_scontrol");
BENCHMARK_CAPTURE(WriteMsr, eom, kEom, 0)->Name("msr_write_eom");
BENCHMARK_CAPTURE(WriteMsr, unknown, kUnknown, 0)->Name("msr_write_unknown");

void Direct(benchmark::State& state) {
  Machine machine;
  for (auto _ : state) {
    machine.synic.Poll();
    benchmark::DoNotOptimize(machine.port.PostFromVp(tlfs::MessageType{1}, kPayload));
    benchmark::DoNotOptimize(machine.guest.Clear(kSint));
    machine.Write(kEom, 0);
  }
}
BENCHMARK(Direct)->Name("synic post_message direct: ready-scan+post+guest clear+EOM");

void Queued(benchmark::State& state) {
  Machine machine;
  for (auto _ : state) {
    benchmark::DoNotOptimize(machine.port.Post(tlfs::MessageType{1}, kPayload));
    machine.synic.Poll();
    benchmark::DoNotOptimize(machine.guest.Clear(kSint));
    machine.Write(kEom, 0);
  }
}
BENCHMARK(Queued)->Name("synic post_message queued: enqueue+scan+deliver+clear+EOM");

void QueuedBehindBusySlot(benchmark::State& state) {
  Machine machine;
  benchmark::DoNotOptimize(machine.port.PostFromVp(tlfs::MessageType{1}, kPayload));
  for (auto _ : state) {
    benchmark::DoNotOptimize(machine.port.PostFromVp(tlfs::MessageType{1}, kPayload));
    benchmark::DoNotOptimize(machine.guest.Clear(kSint));
    machine.Write(kEom, 0);
  }
}
BENCHMARK(QueuedBehindBusySlot)->Name("synic post_message to busy slot: post+clear+EOM+deliver");

void SignalNewlySet(benchmark::State& state) {
  Machine machine;
  for (auto _ : state) {
    benchmark::DoNotOptimize(machine.synic.SignalEvent(kSint, 7));
    machine.guest.ClearFlags(kSint, 0);
  }
}
BENCHMARK(SignalNewlySet)->Name("synic_signal_event_newly_set(+guest clear)");

void SignalAlreadySet(benchmark::State& state) {
  Machine machine;
  benchmark::DoNotOptimize(machine.synic.SignalEvent(kSint, 7));
  for (auto _ : state) benchmark::DoNotOptimize(machine.synic.SignalEvent(kSint, 7));
}
BENCHMARK(SignalAlreadySet)->Name("synic_signal_event_already_set");

void MoveSimp(benchmark::State& state) {
  Machine machine;
  uint64_t page = TestGuest::kSimpPage;
  for (auto _ : state) {
    page ^= TestGuest::kSimpPage ^ TestGuest::kSparePage;
    machine.Write(kSimp, page | 1);
  }
}
BENCHMARK(MoveSimp)->Name("simp enable/move (MSR write, overlay copy)");

}  // namespace
}  // namespace hvkit::hyperv
