// Costs of MSR accesses and of Poll through the whole partition, next to a bare rdtsc. Scenario
// names are those of the peers' measurements, so that runs can be paired. Medians:
// --benchmark_repetitions=7 --benchmark_enable_random_interleaving=true
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/host/vp_scheduler.h"
#include "hyperv/partition/assist_page.h"
#include "hyperv/partition/partition.h"
#include "hyperv/partition/partition_config.h"
#include "hyperv/partition/partition_events.h"
#include "hyperv/partition/virtual_processor.h"
#include "hyperv/reference_time/tsc_scale.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/timer.h"
#include "testing/fakes/fake_guest_memory.h"

namespace hvkit::hyperv {
namespace {

using tlfs::MsrIndex;

constexpr uint64_t kTscHz = 2'000'000'000;
constexpr uint64_t kEnable = 1;
constexpr uint64_t kPage = 0x10000;
constexpr uint64_t kOtherPage = 0x11000;
constexpr uint64_t kLinux = 0x8100'0006'0100'0000;
constexpr uint64_t kSint = 0x52;
constexpr uint64_t kDirectOneShot = 0x1ED8;   // Vector 0xED, auto-enable
constexpr uint64_t kDirectPeriodic = 0x1EDA;  // And periodic
constexpr uint64_t kFar = uint64_t{1} << 60;
constexpr MsrIndex kUnknown{0x40000F00};

// Hosts that cost as little as a virtual call can.
class TscClock final : public ReferenceClock {
 public:
  RefTime Now() const override { return ReferenceTimeAt(__builtin_ia32_rdtsc(), parameters_); }
  std::optional<TscParameters> InvariantTsc() const override { return parameters_; }

 private:
  TscParameters parameters_ = *ParametersOfTsc(kTscHz, 0, RefTime(0));
};
class ManualClock final : public ReferenceClock {
 public:
  RefTime Now() const override { return now; }
  std::optional<TscParameters> InvariantTsc() const override { return TscParameters{1, 0}; }
  RefTime now{1000};
};
class NullHost final : public InterruptSink, public VpScheduler, public PartitionEvents {
 public:
  void RequestFixed(VpIndex, Vector, EoiMode) override { ++requests_; }
  bool SupportsAutoEoi() const override { return true; }
  void Kick(VpIndex) override {}
  void SetDeadline(VpIndex, std::optional<RefTime> deadline) override {
    benchmark::DoNotOptimize(deadline);
  }
  void OnReset(VpIndex) override {}
  void OnCrash(VpIndex, const CrashReport&) override {}

 private:
  uint64_t requests_ = 0;
};

// A partition whose guest has set it up as Linux does, but for timers.
template <typename Clock>
class Machine {
 public:
  explicit Machine(uint32_t vps = 1)
      : partition_(Config(vps), {.memory = MappedMemory(),
                                 .clock = clock,
                                 .interrupts = host_,
                                 .scheduler = host_,
                                 .events = host_}) {
    Write(MsrIndex::kGuestOsId, kLinux);
    Write(MsrIndex::kSint0, kSint);
  }

  VirtualProcessor& vp(uint32_t index = 0) { return *partition_.FindVp(VpIndex(index)); }
  void Write(MsrIndex index, uint64_t value, uint32_t vp_index = 0) {
    benchmark::DoNotOptimize(vp(vp_index).WriteMsr(static_cast<uint32_t>(index), value));
  }
  void StartTimers(uint64_t config, uint64_t count) {
    for (uint32_t i = 0; i < partition_.vp_count(); ++i) {
      for (uint32_t timer = 0; timer < tlfs::kStimerCount; ++timer) {
        const uint32_t index = static_cast<uint32_t>(MsrIndex::kStimer0Config) + 2 * timer;
        Write(MsrIndex{index}, config, i);
        Write(MsrIndex{index + 1}, count, i);
      }
    }
  }
  void PollAll() {
    for (uint32_t i = 0; i < partition_.vp_count(); ++i) vp(i).Poll(clock.now);
  }

  Clock clock;

 private:
  static PartitionConfig Config(uint32_t vps) {
    return {.in_force = {Enlightenment::kVpIndex, Enlightenment::kTime, Enlightenment::kSynic,
                         Enlightenment::kStimer, Enlightenment::kStimerDirect,
                         Enlightenment::kVapic, Enlightenment::kEnforceCpuid},
            .vp_count = vps,
            .hypercall_code = {.bytes = {0x0F, 0x01, 0xD9, 0xC3}, .size = 4},
            .tsc_frequency_hz = kTscHz};
  }
  GuestMemory& MappedMemory() {
    memory_.MapRam(Gpn::Containing(Gpa(kPage)), 2);
    return memory_;
  }

  testing::FakeGuestMemory memory_;
  NullHost host_;
  Partition partition_;
};

void EmptyLoop(benchmark::State& state) {
  uint64_t nothing = 0;
  for (auto _ : state) benchmark::DoNotOptimize(nothing);
}
BENCHMARK(EmptyLoop)->Name("(harness) empty loop");

void Rdtsc(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(__builtin_ia32_rdtsc());
}
BENCHMARK(Rdtsc)->Name("rdtsc");

template <typename Clock>
void ReadUnder(benchmark::State& state, MsrIndex msr) {
  Machine<Clock> machine;
  VirtualProcessor& vp = machine.vp();
  auto index = static_cast<uint32_t>(msr);
  for (auto _ : state) {
    benchmark::DoNotOptimize(index);
    benchmark::DoNotOptimize(vp.ReadMsr(index));
  }
}
void ReadTscClock(benchmark::State& state, MsrIndex msr) { ReadUnder<TscClock>(state, msr); }
void Read(benchmark::State& state, MsrIndex msr) { ReadUnder<ManualClock>(state, msr); }
BENCHMARK_CAPTURE(ReadTscClock, tsc, MsrIndex::kTimeRefCount)
    ->Name("msr_read_time_ref_count(rdtsc source)");
BENCHMARK_CAPTURE(Read, fixed, MsrIndex::kTimeRefCount)
    ->Name("msr_read_time_ref_count(fixed source)");
BENCHMARK_CAPTURE(Read, index, MsrIndex::kVpIndex)->Name("msr_read_vp_index");
BENCHMARK_CAPTURE(Read, id, MsrIndex::kGuestOsId)->Name("msr_read_guest_os_id");
BENCHMARK_CAPTURE(Read, sint, MsrIndex{uint32_t(MsrIndex::kSint0) + 2})->Name("msr_read_sint2");
BENCHMARK_CAPTURE(Read, timer, MsrIndex::kStimer0Config)->Name("msr_read_stimer0_config");
BENCHMARK_CAPTURE(Read, none, kUnknown)->Name("msr_read_unknown");

void Write(benchmark::State& state, MsrIndex msr, uint64_t value) {
  Machine<ManualClock> machine;
  VirtualProcessor& vp = machine.vp();
  auto index = static_cast<uint32_t>(msr);
  for (auto _ : state) {
    benchmark::DoNotOptimize(index);
    benchmark::DoNotOptimize(value);
    benchmark::DoNotOptimize(vp.WriteMsr(index, value));
  }
}
BENCHMARK_CAPTURE(Write, sint, MsrIndex{uint32_t(MsrIndex::kSint0) + 2}, kSint)
    ->Name("msr_write_sint2");
BENCHMARK_CAPTURE(Write, scontrol, MsrIndex::kScontrol, kEnable)->Name("msr_write_scontrol");
BENCHMARK_CAPTURE(Write, eom, MsrIndex::kEom, 0)->Name("msr_write_eom");
BENCHMARK_CAPTURE(Write, id, MsrIndex::kGuestOsId, kLinux)->Name("msr_write_guest_os_id");
BENCHMARK_CAPTURE(Write, config, MsrIndex::kStimer0Config, kDirectOneShot)
    ->Name("msr_write_stimer0_config");
BENCHMARK_CAPTURE(Write, count, MsrIndex::kStimer0Count, kFar)->Name("msr_write_stimer0_count");
BENCHMARK_CAPTURE(Write, none, kUnknown, 0)->Name("msr_write_unknown");

// One iteration is one write, which moves the page.
void Move(benchmark::State& state, MsrIndex msr) {
  Machine<ManualClock> machine;
  uint64_t page = kPage;
  for (auto _ : state) {
    machine.Write(msr, page | kEnable);
    page = kPage + kOtherPage - page;
  }
}
BENCHMARK_CAPTURE(Move, tsc, MsrIndex::kReferenceTsc)
    ->Name("ref_tsc_page enable/move (MSR write, map+compute+write)");
BENCHMARK_CAPTURE(Move, hypercall, MsrIndex::kHypercall)
    ->Name("hypercall_page enable/move (MSR write)");
BENCHMARK_CAPTURE(Move, simp, MsrIndex::kSimp)->Name("simp enable/move (MSR write, overlay copy)");

void LazyEoi(benchmark::State& state) {
  Machine<ManualClock> machine;
  machine.Write(MsrIndex::kVpAssistPage, kPage | kEnable);
  AssistPage& page = machine.vp().assist_page();
  for (auto _ : state) {
    benchmark::DoNotOptimize(page.SetNoEoiRequired());
    benchmark::DoNotOptimize(page.ClearNoEoiRequired());
  }
}
BENCHMARK(LazyEoi)->Name("lazy_eoi set+clear (VP assist page)");

void ScanNoneDue(benchmark::State& state) {
  Machine<ManualClock> machine(static_cast<uint32_t>(state.range(0)));
  machine.StartTimers(kDirectOneShot, kFar);
  for (auto _ : state) {
    machine.clock.now = machine.clock.now + RefDuration(1);
    machine.PollAll();
  }
}
void ScanAllDue(benchmark::State& state) {
  Machine<ManualClock> machine(static_cast<uint32_t>(state.range(0)));
  machine.StartTimers(kDirectPeriodic, 10);
  for (auto _ : state) {
    machine.clock.now = machine.clock.now + RefDuration(10);
    machine.PollAll();
  }
}
void RegisterScans() {
  for (const int vps : {1, 16, 64, 256, 1024}) {
    const std::string scan = "stimer_scan_" + std::to_string(vps) + "VPx4_";
    benchmark::RegisterBenchmark((scan + "none_due (per full scan)").c_str(), ScanNoneDue)
        ->Arg(vps);
    benchmark::RegisterBenchmark((scan + "all_due (per full scan)").c_str(), ScanAllDue)->Arg(vps);
  }
}
[[maybe_unused]] const int kRegistered = (RegisterScans(), 0);

}  // namespace
}  // namespace hvkit::hyperv
