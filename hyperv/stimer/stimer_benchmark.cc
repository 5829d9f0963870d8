// Costs of the synthetic timers by themselves, next to a bare rdtsc. Their MSRs and scans through
// the whole partition are in hyperv/partition/msr_benchmark.cc, under the peers' names.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/host/vp_scheduler.h"
#include "hyperv/stimer/synthetic_timers.h"
#include "hyperv/synic/message_sink.h"
#include "hyperv/tlfs/msr.h"
#include "testing/benchmarks/scenario.h"

namespace hvkit::hyperv {
namespace {

using benchmarks::AddScenario;
using benchmarks::Keep;

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
  void SetDeadline(VpIndex, std::optional<RefTime> deadline) override { Keep(deadline); }
};

// `count` VPs with four timers each, all programmed alike.
class Machine {
 public:
  Machine(size_t count, uint64_t config, uint64_t timer_count) {
    vps_.reserve(count);
    for (uint32_t i = 0; i < count; ++i) {
      vps_.push_back(std::make_unique<Vp>(
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
    Keep(vps_[vp]->timers.WriteMsr(index, value));
  }
  SyntheticTimers& vp(size_t index) { return vps_[index]->timers; }
  void PollAll() {
    for (const auto& vp : vps_) vp->timers.Poll(clock.now);
  }

  ManualClock clock;
  CountingSink sink;
  NullScheduler scheduler;

 private:
  // Aligned as in a partition's VP, so that the costs of two runs do not differ by where it is.
  struct alignas(64) Vp {
    template <typename... Arguments>
    explicit Vp(Arguments&&... arguments) : timers(std::forward<Arguments>(arguments)...) {}
    SyntheticTimers timers;
  };

  std::vector<std::unique_ptr<Vp>> vps_;
};

// One VP with a direct one-shot timer.
auto Read(uint32_t msr) {
  return [msr] {
    return [machine = std::make_unique<Machine>(1, kDirectOneShot, 0), index = msr]() mutable {
      Keep(index);
      Keep(machine->vp(0).ReadMsr(index));
    };
  };
}

auto WriteConfig() {
  return [machine = std::make_unique<Machine>(1, kDirectOneShot, 0)] {
    machine->Write(0, kConfig0, kDirectOneShot);
  };
}

auto WriteCount() {
  return [machine = std::make_unique<Machine>(1, kDirectOneShot, 0), count = kFar]() mutable {
    machine->Write(0, kCount0, ++count);
  };
}

auto Arm() {
  return [machine = std::make_unique<Machine>(1, kDirectOneShot, 0), count = kFar]() mutable {
    machine->Write(0, kCount0, ++count);
    machine->vp(0).Poll(machine->clock.now);
    Keep(machine->vp(0).NextDeadline());
  };
}

// One VP among `vps` is armed and fires: its cost must not depend on the others.
auto ArmAndExpire(size_t vps) {
  return [vps] {
    return [machine = std::make_unique<Machine>(vps, kDirectOneShot, 0)] {
      machine->Write(0, kCount0, machine->clock.now.ticks() + 10);
      machine->vp(0).Poll(machine->clock.now);
      machine->clock.now = machine->clock.now + RefDuration(10);
      machine->vp(0).Poll(machine->clock.now);
    };
  };
}

auto Scan(size_t vps, uint64_t config, uint64_t count, RefDuration step) {
  return [=] {
    return [machine = std::make_unique<Machine>(vps, config, count), step] {
      machine->clock.now = machine->clock.now + step;
      machine->PollAll();
    };
  };
}

void AddAll() {
  const std::string alone = ", timers alone";
  AddScenario("msr_read_stimer0_config" + alone, Read(kConfig0));
  AddScenario("msr_write_stimer0_config" + alone, WriteConfig);
  AddScenario("msr_write_stimer0_count" + alone, WriteCount);
  AddScenario("stimer_arm: write count + scan -> deadline", Arm);
  const std::string expire = "stimer_arm+expire direct one-shot (2 scans)";
  AddScenario(expire, ArmAndExpire(1));
  for (const size_t vps : {16u, 64u, 256u, 1024u, 4096u}) {
    AddScenario(expire + ", " + std::to_string(vps) + " VPs", ArmAndExpire(vps));
  }
  for (const size_t vps : {1u, 1024u}) {
    const std::string scan = "stimer_scan_" + std::to_string(vps) + "VPx4_";
    AddScenario(scan + "none_due (per full scan)" + alone,
                Scan(vps, kDirectOneShot, kFar, RefDuration(1)));
    AddScenario(scan + "all_due (per full scan)" + alone,
                Scan(vps, kDirectPeriodic, 10, RefDuration(10)));
  }
}
[[maybe_unused]] const int kAdded = (AddAll(), 0);

}  // namespace
}  // namespace hvkit::hyperv
