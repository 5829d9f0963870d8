// Costs of the synthetic timers, next to a bare rdtsc. Scenario names are those of the peers'
// measurements, so that runs can be paired.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/host/vp_scheduler.h"
#include "hyperv/stimer/synthetic_timers.h"
#include "hyperv/synic/message_sink.h"
#include "hyperv/tlfs/msr.h"

namespace hvkit::hyperv {
namespace {

constexpr uint32_t kConfig0 = static_cast<uint32_t>(tlfs::MsrIndex::kStimer0Config);
constexpr uint32_t kCount0 = static_cast<uint32_t>(tlfs::MsrIndex::kStimer0Count);
constexpr uint64_t kDirectOneShot = 0x1ED8;   // vector 0xED, auto-enable
constexpr uint64_t kDirectPeriodic = 0x1EDA;  // and periodic
constexpr uint64_t kFar = uint64_t{1} << 60;

// Hosts that cost as little as a virtual call can.
class ManualClock : public ReferenceClock {
 public:
  RefTime Now() const override { return now; }
  std::optional<TscParameters> InvariantTsc() const override { return std::nullopt; }
  RefTime now{1000};
};
class CountingSink : public InterruptSink, public MessageSink {
 public:
  void RequestFixed(VpIndex, Vector, EoiMode) override { ++requests; }
  bool SupportsAutoEoi() const override { return true; }
  Delivery Deliver(SintIndex, const tlfs::MessageHeader&, std::span<const std::byte>) override {
    ++requests;
    return Delivery::kDelivered;
  }
  uint64_t requests = 0;
};
class NullScheduler : public VpScheduler {
 public:
  void Kick(VpIndex) override {}
  void SetDeadline(VpIndex, std::optional<RefTime> deadline) override {
    benchmark::DoNotOptimize(deadline);
  }
};

// `count` VPs with four timers each, all programmed alike.
class Machine {
 public:
  Machine(size_t count, uint64_t config, uint64_t timer_count) {
    vps_.reserve(count);
    for (uint32_t i = 0; i < count; ++i) {
      vps_.push_back(std::make_unique<SyntheticTimers>(
          SyntheticTimersConfig{
              .vp = VpIndex(i), .direct_mode = DirectMode::kOffered, .policy = {}},
          clock, sink, sink, scheduler));
      for (uint32_t timer = 0; timer < 4; ++timer) {
        Write(i, kConfig0 + 2 * timer, config);
        Write(i, kCount0 + 2 * timer, timer_count);
      }
    }
  }
  void Write(size_t vp, uint32_t index, uint64_t value) {
    benchmark::DoNotOptimize(vps_[vp]->WriteMsr(index, value));
  }
  SyntheticTimers& vp(size_t index) { return *vps_[index]; }
  void PollAll() {
    for (const auto& vp : vps_) vp->Poll(clock.now);
  }

  ManualClock clock;
  CountingSink sink;
  NullScheduler scheduler;

 private:
  std::vector<std::unique_ptr<SyntheticTimers>> vps_;
};

void Rdtsc(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(__builtin_ia32_rdtsc());
}
BENCHMARK(Rdtsc)->Name("rdtsc");

void ReadConfig(benchmark::State& state) {
  Machine machine(1, kDirectOneShot, 0);
  uint32_t index = kConfig0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(index);
    benchmark::DoNotOptimize(machine.vp(0).ReadMsr(index));
  }
}
BENCHMARK(ReadConfig)->Name("msr_read_stimer0_config");

void WriteConfig(benchmark::State& state) {
  Machine machine(1, kDirectOneShot, 0);
  for (auto _ : state) machine.Write(0, kConfig0, kDirectOneShot);
}
BENCHMARK(WriteConfig)->Name("msr_write_stimer0_config");

void WriteCount(benchmark::State& state) {
  Machine machine(1, kDirectOneShot, 0);
  uint64_t count = kFar;
  for (auto _ : state) machine.Write(0, kCount0, ++count);
}
BENCHMARK(WriteCount)->Name("msr_write_stimer0_count");

void Arm(benchmark::State& state) {
  Machine machine(1, kDirectOneShot, 0);
  uint64_t count = kFar;
  for (auto _ : state) {
    machine.Write(0, kCount0, ++count);
    machine.vp(0).Poll(machine.clock.now);
    benchmark::DoNotOptimize(machine.vp(0).NextDeadline());
  }
}
BENCHMARK(Arm)->Name("stimer_arm: write count + scan -> deadline");

// One VP among `range` is armed and fires: its cost must not depend on the others.
void ArmAndExpire(benchmark::State& state) {
  Machine machine(static_cast<size_t>(state.range(0)), kDirectOneShot, 0);
  for (auto _ : state) {
    machine.Write(0, kCount0, machine.clock.now.ticks() + 10);
    machine.vp(0).Poll(machine.clock.now);
    machine.clock.now = machine.clock.now + RefDuration(10);
    machine.vp(0).Poll(machine.clock.now);
  }
}
BENCHMARK(ArmAndExpire)->Name("stimer_arm+expire direct one-shot (2 scans)")->Arg(1)->Arg(1024);

void ScanNoneDue(benchmark::State& state) {
  Machine machine(static_cast<size_t>(state.range(0)), kDirectOneShot, kFar);
  for (auto _ : state) {
    machine.clock.now = machine.clock.now + RefDuration(1);
    machine.PollAll();
  }
}
void ScanAllDue(benchmark::State& state) {
  Machine machine(static_cast<size_t>(state.range(0)), kDirectPeriodic, 10);
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
