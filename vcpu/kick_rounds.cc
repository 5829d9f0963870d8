#include "vcpu/kick_rounds.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "devices/io_bus.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "kvm_ioctls/exit.h"
#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vm.h"
#include "vcpu/exit_handlers.h"
#include "vcpu/guest_memory.h"
#include "vcpu/kick_signal.h"
#include "vcpu/kvm_runner.h"
#include "vcpu/stopping_handlers.h"
#include "vcpu/vcpu_thread.h"
#include "vcpu/x86_boot.h"

namespace hvkit::vcpu {
namespace {

using benchmarks::PairedSamples;
using benchmarks::PairedSummary;
using benchmarks::RoundCounts;
using benchmarks::Side;
using hyperv::Gpa;

constexpr Gpa kCode{0x10000};
constexpr Gpa kTables{0x80000};
// 64-bit code: counts at kCounter for ever.
constexpr Gpa kCounter{0x500};
constexpr std::array<uint8_t, 9> kGuest = {0xFF, 0x04, 0x25, 0x00, 0x05, 0x00, 0x00,  // INC
                                           0xEB, 0xF7};                               // JMP

int64_t WallNs() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Puts the calling thread on that processor, for good.
bool StayOn(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  return ::sched_setaffinity(0, sizeof(set), &set) == 0;
}

// Puts it on another one than `here`; false if there is none.
bool LeaveProcessor(int here) {
  for (int cpu = 0; cpu < ::sysconf(_SC_NPROCESSORS_CONF); ++cpu) {
    if (cpu != here && StayOn(cpu)) return true;
  }
  return false;
}

// Notes when the vCPU is told of a kick.
class KickWatch final : public StoppingHandlers {
 public:
  ExitAction OnKicked() override {
    Note();
    return ExitAction::kContinue;
  }

  void Note() { left_at.store(WallNs(), std::memory_order_release); }
  void End() { ended.store(true, std::memory_order_release); }

  std::atomic<int64_t> left_at{0};
  std::atomic<bool> ended{false};
};

// One vCPU whose guest counts, on its own thread; who kicks it is the calling thread.
class Machine {
 public:
  static absl::StatusOr<std::unique_ptr<Machine>> Create() {
    HVKIT_ASSIGN_OR_RETURN(const kvm::Kvm kvm, kvm::Kvm::Open());
    HVKIT_ASSIGN_OR_RETURN(std::unique_ptr<GuestMemory> memory,
                           GuestMemory::Create(GuestMemory::kMinSize));
    HVKIT_ASSIGN_OR_RETURN(kvm::Vm vm, kvm.CreateVm());
    HVKIT_RETURN_IF_ERROR(memory->RegisterWith(vm));
    HVKIT_ASSIGN_OR_RETURN(kvm::Vcpu vcpu, vm.CreateVcpu(0));
    HVKIT_RETURN_IF_ERROR(WriteLongModeTables(*memory, kTables));
    if (memory->Write(kCode, std::as_bytes(std::span(kGuest))) != hyperv::MemFault::kNone) {
      return absl::OutOfRangeError("the guest does not fit into RAM");
    }
    HVKIT_RETURN_IF_ERROR(SetLongMode(vcpu, {.rip = kCode.value(), .tables = kTables}));
    return std::unique_ptr<Machine>(new Machine(std::move(memory), std::move(vm), std::move(vcpu)));
  }

  absl::Status Start() {
    HVKIT_RETURN_IF_ERROR(thread_.Start());
    const int here = ::sched_getcpu();
    bool moved = StayOn(here);
    HVKIT_RETURN_IF_ERROR(thread_.RunOnVcpu([this, &moved, here] {
      moved = moved && LeaveProcessor(here);
      raw_thread_ = ::pthread_self();
    }));
    if (moved) return absl::OkStatus();
    return absl::FailedPreconditionError("a vCPU to be kicked needs a second processor");
  }
  absl::Status Stop() {
    thread_.Stop();
    return thread_.Join();
  }

  // `count` kicks; false if the vCPU's run has ended meanwhile.
  bool KickOurs(size_t count, std::vector<double>& times) {
    return KickRepeatedly(count, times, [this] { thread_.Kick(); });
  }
  bool KickRaw(size_t count, std::vector<double>& times) {
    raw_.store(Raw::kWanted, std::memory_order_release);
    if (!thread_.Post([this] { RunRaw(); })) return false;
    while (raw_.load(std::memory_order_acquire) == Raw::kWanted && !ended()) continue;
    const bool good = KickRepeatedly(count, times, [this] { SendRawKick(); });
    Raw runs = Raw::kRuns;
    if (!raw_.compare_exchange_strong(runs, Raw::kEnough)) return false;
    SendRawKick();
    while (raw_.load(std::memory_order_acquire) == Raw::kEnough && !ended()) continue;
    return good && raw_.load(std::memory_order_acquire) == Raw::kDone;
  }

 private:
  enum class Raw : uint8_t { kWanted, kRuns, kEnough, kDone, kFailed };

  Machine(std::unique_ptr<GuestMemory> memory, kvm::Vm vm, kvm::Vcpu vcpu)
      : memory_(std::move(memory)),
        vm_(std::move(vm)),
        raw_vcpu_(vcpu.fd()),
        raw_run_(vcpu.run()),
        thread_(std::make_unique<KvmRunner>(
                    0, std::move(vcpu),
                    KvmRunner::Targets{.ports = bus_, .mmio = bus_, .handlers = watch_}),
                [this](const absl::Status&) { watch_.End(); }) {}

  bool ended() const {
    return watch_.ended.load(std::memory_order_acquire) ||
           raw_.load(std::memory_order_acquire) == Raw::kFailed;
  }

  template <typename Kick>
  bool KickRepeatedly(size_t count, std::vector<double>& times, Kick kick) {
    for (size_t i = 0; i < count; ++i) {
      WaitUntilInGuest();
      watch_.left_at.store(0, std::memory_order_relaxed);
      const int64_t start = WallNs();
      kick();
      int64_t end;
      while ((end = watch_.left_at.load(std::memory_order_acquire)) == 0) {
        if (ended()) return false;
      }
      times.push_back(static_cast<double>(end - start));
    }
    return true;
  }

  uint32_t Counter() const {
    std::array<std::byte, sizeof(uint32_t)> bytes{};
    [[maybe_unused]] const auto fault = memory_->Read(kCounter, bytes);
    return std::bit_cast<uint32_t>(bytes);
  }
  void WaitUntilInGuest() const {
    const uint32_t before = Counter();
    while (Counter() == before && !ended()) continue;
  }

  // What a C program does that loses no kick: a flag for the time out of the guest, a signal for
  // the time in it.
  void SendRawKick() {
    std::atomic_ref<__u8>(raw_run_.immediate_exit).store(1, std::memory_order_seq_cst);
    ::pthread_kill(raw_thread_, KickSignal());
  }
  // *VP thread*.
  void RunRaw() {
    raw_.store(Raw::kRuns, std::memory_order_release);
    do {
      if (::ioctl(raw_vcpu_, KVM_RUN, 0) >= 0 || errno != EINTR) {
        return raw_.store(Raw::kFailed, std::memory_order_release);
      }
      watch_.Note();
      std::atomic_ref<__u8>(raw_run_.immediate_exit).store(0, std::memory_order_seq_cst);
    } while (raw_.load(std::memory_order_acquire) == Raw::kRuns);
    raw_.store(Raw::kDone, std::memory_order_release);
  }

  const std::unique_ptr<GuestMemory> memory_;
  const kvm::Vm vm_;
  const devices::IoBus bus_;
  KickWatch watch_;
  const int raw_vcpu_;
  kvm_run& raw_run_;
  pthread_t raw_thread_{};
  std::atomic<Raw> raw_{Raw::kDone};
  VcpuThread thread_;
};

}  // namespace

absl::StatusOr<PairedSummary> RunKickRounds(const RoundCounts& counts) {
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<Machine> machine, Machine::Create());
  HVKIT_RETURN_IF_ERROR(machine->Start());
  PairedSamples samples(counts);
  for (size_t step = 0; step < counts.steps(); ++step) {
    const Side side = benchmarks::SideOfStep(step);
    std::vector<double> times;
    if (!(side == Side::kOurs ? machine->KickOurs(counts.operations, times)
                              : machine->KickRaw(counts.operations, times))) {
      HVKIT_RETURN_IF_ERROR(machine->Stop());
      return absl::InternalError("the kicked vCPU left its guest for another reason");
    }
    samples.Record(side, benchmarks::Median(std::move(times)));
  }
  HVKIT_RETURN_IF_ERROR(machine->Stop());
  return samples.Summarize();
}

}  // namespace hvkit::vcpu
