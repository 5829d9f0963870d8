// Costs of MSR accesses and of Poll through the whole partition, next to a bare rdtsc. Scenario
// names are those of the peers' measurements, so that runs can be paired.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

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
#include "testing/benchmarks/scenario.h"
#include "testing/fakes/fake_guest_memory.h"

namespace hvkit::hyperv {
namespace {

using benchmarks::AddScenario;
using benchmarks::Keep;
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
  void SetDeadline(VpIndex, std::optional<RefTime> deadline) override { Keep(deadline); }
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
    Keep(vp(vp_index).WriteMsr(static_cast<uint32_t>(index), value));
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
    const RefTime now = clock.now;
    const uint32_t count = partition_.vp_count();
    for (uint32_t i = 0; i < count; ++i) vp(i).Poll(now);
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

template <typename Clock>
auto ReadUnder(MsrIndex msr) {
  return [msr] {
    auto machine = std::make_unique<Machine<Clock>>();
    VirtualProcessor& vp = machine->vp();
    return [machine = std::move(machine), &vp, index = static_cast<uint32_t>(msr)]() mutable {
      Keep(index);
      Keep(vp.ReadMsr(index));
    };
  };
}
auto Read(MsrIndex msr) { return ReadUnder<ManualClock>(msr); }

auto Write(MsrIndex msr, uint64_t new_value) {
  return [=] {
    auto machine = std::make_unique<Machine<ManualClock>>();
    VirtualProcessor& vp = machine->vp();
    return [machine = std::move(machine), &vp, index = static_cast<uint32_t>(msr),
            value = new_value]() mutable {
      Keep(index);
      Keep(value);
      Keep(vp.WriteMsr(index, value));
    };
  };
}

// One iteration is one write, which moves the page.
auto Move(MsrIndex msr) {
  return [msr] {
    return [machine = std::make_unique<Machine<ManualClock>>(), page = kPage, msr]() mutable {
      machine->Write(msr, page | kEnable);
      page = kPage + kOtherPage - page;
    };
  };
}

auto LazyEoi() {
  auto machine = std::make_unique<Machine<ManualClock>>();
  machine->Write(MsrIndex::kVpAssistPage, kPage | kEnable);
  AssistPage& page = machine->vp().assist_page();
  return [machine = std::move(machine), &page] {
    Keep(page.SetNoEoiRequired());
    Keep(page.ClearNoEoiRequired());
  };
}

// All timers of all VPs run; one iteration lets `step` go by and looks at each VP.
auto Scan(uint32_t vps, uint64_t config, uint64_t count, RefDuration step) {
  return [=] {
    auto machine = std::make_unique<Machine<ManualClock>>(vps);
    machine->StartTimers(config, count);
    return [machine = std::move(machine), step] {
      machine->clock.now = machine->clock.now + step;
      machine->PollAll();
    };
  };
}

constexpr MsrIndex kSint2{uint32_t(MsrIndex::kSint0) + 2};

void AddAccesses() {
  AddScenario("msr_read_time_ref_count(rdtsc source)",
              ReadUnder<TscClock>(MsrIndex::kTimeRefCount));
  AddScenario("msr_read_time_ref_count(fixed source)", Read(MsrIndex::kTimeRefCount));
  AddScenario("msr_read_vp_index", Read(MsrIndex::kVpIndex));
  AddScenario("msr_read_guest_os_id", Read(MsrIndex::kGuestOsId));
  AddScenario("msr_read_sint2", Read(kSint2));
  AddScenario("msr_read_stimer0_config", Read(MsrIndex::kStimer0Config));
  AddScenario("msr_read_unknown", Read(kUnknown));
  AddScenario("msr_write_sint2", Write(kSint2, kSint));
  AddScenario("msr_write_scontrol", Write(MsrIndex::kScontrol, kEnable));
  AddScenario("msr_write_eom", Write(MsrIndex::kEom, 0));
  AddScenario("msr_write_guest_os_id", Write(MsrIndex::kGuestOsId, kLinux));
  AddScenario("msr_write_stimer0_config", Write(MsrIndex::kStimer0Config, kDirectOneShot));
  AddScenario("msr_write_stimer0_count", Write(MsrIndex::kStimer0Count, kFar));
  AddScenario("msr_write_unknown", Write(kUnknown, 0));
}

void AddPages() {
  AddScenario("ref_tsc_page enable/move (MSR write, map+compute+write)",
              Move(MsrIndex::kReferenceTsc));
  AddScenario("hypercall_page enable/move (MSR write)", Move(MsrIndex::kHypercall));
  AddScenario("simp enable/move (MSR write, overlay copy)", Move(MsrIndex::kSimp));
  AddScenario("lazy_eoi set+clear (VP assist page)", LazyEoi);
}

void AddScans() {
  for (const uint32_t vps : {1u, 16u, 64u, 256u, 1024u, 4096u}) {
    const std::string scan = "stimer_scan_" + std::to_string(vps) + "VPx4_";
    AddScenario(scan + "none_due (per full scan)", Scan(vps, kDirectOneShot, kFar, RefDuration(1)));
    AddScenario(scan + "all_due (per full scan)", Scan(vps, kDirectPeriodic, 10, RefDuration(10)));
  }
}

[[maybe_unused]] const int kAdded = (AddAccesses(), AddPages(), AddScans(), 0);

}  // namespace
}  // namespace hvkit::hyperv
