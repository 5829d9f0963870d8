// Run loop, timers and SynIC together, from many threads: vCPUs whose guests write whatever MSRs
// they like, with timers of the shortest period on real timerfds, while other threads kick, pause,
// post, signal and send. For the thread sanitizer; and every vCPU gets on, and stops when told to.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/partition/partition.h"
#include "hyperv/partition/partition_config.h"
#include "hyperv/partition/partition_events.h"
#include "hyperv/partition/virtual_processor.h"
#include "hyperv/synic/message_port.h"
#include "hyperv/synic/synic.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/synic.h"
#include "testing/fakes/fake_guest_memory.h"
#include "testing/status_matchers.h"
#include "vcpu/hyperv_kvm/timerfd_scheduler.h"
#include "vcpu/runner.h"
#include "vcpu/vcpu_thread.h"

namespace hvkit::vcpu {
namespace {

using hyperv::Enlightenment;
using hyperv::RefTime;
using hyperv::SintIndex;
using hyperv::VirtualProcessor;
using hyperv::VpIndex;
using hyperv::tlfs::MsrIndex;

constexpr uint32_t kVps = 3;
constexpr uint64_t kSteps = 2000;  // of each guest
constexpr uint64_t kHaltEvery = 16;
constexpr size_t kPages = 32;
constexpr uint64_t kEnable = 1;
using Sint = SintIndex;

class SteadyClock final : public hyperv::ReferenceClock {
 public:
  RefTime Now() const override {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    constexpr uint64_t kNanosecondsPerTick = 100;
    return RefTime(
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()) /
        kNanosecondsPerTick);
  }
  std::optional<hyperv::TscParameters> InvariantTsc() const override { return std::nullopt; }
};

class CountingSink final : public hyperv::InterruptSink {
 public:
  void RequestFixed(VpIndex, hyperv::Vector, hyperv::EoiMode) override { count_.fetch_add(1); }
  bool SupportsAutoEoi() const override { return true; }
  uint64_t count() const { return count_.load(); }

 private:
  std::atomic<uint64_t> count_{0};
};

struct NoEvents final : hyperv::PartitionEvents {
  void OnReset(VpIndex) override {}
  void OnCrash(VpIndex, const hyperv::CrashReport&) override {}
};

// A guest that never does the same for long.
class HostileRunner final : public Runner {
 public:
  HostileRunner(VirtualProcessor& vp, const hyperv::ReferenceClock& clock, uint32_t seed)
      : vp_(vp), clock_(clock), random_(seed) {}

  RunOutcome Run() override {
    if (interrupted_.load()) return RunOutcome::kInterrupted;
    WriteSomething();
    const uint64_t steps = steps_.fetch_add(1) + 1;
    return steps % kHaltEvery == 0 ? RunOutcome::kHalted : RunOutcome::kHandled;
  }
  void Interrupt() override { interrupted_.store(true); }
  void AcknowledgeInterrupt() override { interrupted_.store(false); }
  RunOutcome OnKicked() override {
    vp_.Poll(clock_.Now());
    return RunOutcome::kHandled;
  }
  absl::Status CompletePendingExit() override { return absl::OkStatus(); }
  absl::Status TakeError() override { return absl::OkStatus(); }

  uint64_t steps() const { return steps_.load(); }

 private:
  struct Access {
    MsrIndex first;
    uint32_t count;  // of MSRs that follow each other
  };
  static constexpr std::array kAccesses = {
      Access{MsrIndex::kSint0, 16},        Access{MsrIndex::kStimer0Config, 8},
      Access{MsrIndex::kStimer0Config, 8}, Access{MsrIndex::kScontrol, 1},
      Access{MsrIndex::kSimp, 1},          Access{MsrIndex::kSiefp, 1},
      Access{MsrIndex::kEom, 1},           Access{MsrIndex::kReferenceTsc, 1},
      Access{MsrIndex::kGuestOsId, 1},     Access{MsrIndex::kHypercall, 1}};

  uint32_t Any() { return static_cast<uint32_t>(random_()); }
  // A page of RAM or beyond it; a SINT; a timer, periodic and at once; or noise.
  uint64_t AnyValue() {
    switch (Any() % 4) {
      case 0:
        return Any() % (kPages + 2) * hyperv::tlfs::kPageSize | kEnable;
      case 1:
        return 0x20 + Any() % 0xE0;
      case 2:
        return 1 + Any() % 0x10;
      default:
        return uint64_t{Any()} << 32 | Any();
    }
  }
  void WriteSomething() {
    const Access& access = kAccesses[Any() % kAccesses.size()];
    const uint32_t msr = static_cast<uint32_t>(access.first) + Any() % access.count;
    (void)vp_.WriteMsr(msr, AnyValue());
    (void)vp_.ReadMsr(msr);
  }

  VirtualProcessor& vp_;
  const hyperv::ReferenceClock& clock_;
  std::minstd_rand random_;
  std::atomic<bool> interrupted_{false};
  std::atomic<uint64_t> steps_{0};
};

class HostileGuestTest : public ::testing::Test {
 protected:
  struct Cpu {
    HostileRunner* runner;
    std::unique_ptr<VcpuThread> thread;
  };

  void SetUp() override {
    memory_.MapRam(hyperv::Gpn::Containing(hyperv::Gpa(0)), kPages);
    ASSERT_OK_AND_ASSIGN(scheduler_, TimerfdScheduler::Create(kVps, clock_, [this](VpIndex vp) {
                           cpus_[vp.value()].thread->Kick();
                         }));
    const hyperv::EnlightenmentSet all = {Enlightenment::kVpIndex, Enlightenment::kTime,
                                          Enlightenment::kSynic, Enlightenment::kStimer,
                                          Enlightenment::kStimerDirect};
    partition_.emplace(hyperv::PartitionConfig{.in_force = all, .vp_count = kVps},
                       hyperv::PartitionHost{.memory = memory_,
                                             .clock = clock_,
                                             .interrupts = interrupts_,
                                             .scheduler = *scheduler_,
                                             .events = events_});
    for (uint32_t vp = 0; vp < kVps; ++vp) cpus_[vp] = MakeCpu(vp);
  }

  Cpu MakeCpu(uint32_t index) {
    auto runner = std::make_unique<HostileRunner>(Vp(index), clock_, index + 1);
    HostileRunner* const borrowed = runner.get();
    return {borrowed, std::make_unique<VcpuThread>(std::move(runner))};
  }
  VirtualProcessor& Vp(uint32_t index) { return *partition_->FindVp(VpIndex(index)); }

  bool AllAreThrough() const {
    for (const Cpu& cpu : cpus_) {
      if (cpu.runner->steps() < kSteps) return false;
    }
    return true;
  }

  // Each until all guests are through, from a thread of its own.
  void KickAndPause() {
    for (uint32_t i = 0; !AllAreThrough(); ++i) {
      VcpuThread& thread = *cpus_[i % kVps].thread;
      thread.Kick();
      if (i % 3 == 0) {
        thread.RequestPause();
        EXPECT_OK(thread.WaitUntilPaused());
        thread.Resume();
      }
    }
  }
  void RunWork() {
    for (uint32_t i = 0; !AllAreThrough(); ++i) {
      uint32_t done = 0;
      EXPECT_OK(cpus_[i % kVps].thread->RunOnVcpu([&done] { done = 1; }));
      EXPECT_EQ(done, 1u);
    }
  }
  void PostAndSignal() {
    std::vector<std::unique_ptr<hyperv::MessagePort>> ports;
    ports.reserve(kVps);
    for (uint32_t vp = 0; vp < kVps; ++vp) {
      ports.push_back(std::make_unique<hyperv::MessagePort>(Vp(vp).synic(), Sint::Of<2>(), vp));
    }
    for (uint32_t i = 0; !AllAreThrough(); ++i) {
      (void)ports[i % kVps]->Post(hyperv::tlfs::MessageType{1}, {});
      (void)Vp(i % kVps).synic().SignalEvent(Sint::Of<2>(), i % 8);
      partition_->RepublishReferenceTsc();
    }
  }

  testing::FakeGuestMemory memory_;
  SteadyClock clock_;
  CountingSink interrupts_;
  NoEvents events_;
  std::array<Cpu, kVps> cpus_;                   // outlive the scheduler, which kicks them
  std::unique_ptr<TimerfdScheduler> scheduler_;  // outlives the partition, which asks it for turns
  std::optional<hyperv::Partition> partition_;
};

TEST_F(HostileGuestTest, EveryVcpuGetsOnAndStopsWhateverTheOthersDo) {
  for (Cpu& cpu : cpus_) ASSERT_OK(cpu.thread->Start());
  std::array others = {std::thread([this] { KickAndPause(); }), std::thread([this] { RunWork(); }),
                       std::thread([this] { PostAndSignal(); })};
  for (std::thread& other : others) other.join();
  for (Cpu& cpu : cpus_) cpu.thread->Stop();
  for (Cpu& cpu : cpus_) EXPECT_OK(cpu.thread->Join());
  EXPECT_GT(interrupts_.count(), 0u);
  partition_->Reset();
  EXPECT_EQ(memory_.pinned(), 0);
}

}  // namespace
}  // namespace hvkit::vcpu
