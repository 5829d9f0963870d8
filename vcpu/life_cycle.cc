#include "vcpu/life_cycle.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "devices/io_bus.h"
#include "hyperv/host/guest_memory.h"
#include "kvm_ioctls/exit.h"
#include "kvm_ioctls/fam.h"
#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/status_macros.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vm.h"
#include "vcpu/cpuid_merge.h"
#include "vcpu/guest_memory.h"
#include "vcpu/kvm_runner.h"
#include "vcpu/runner.h"
#include "vcpu/stopping_handlers.h"
#include "vcpu/x86_boot.h"

namespace hvkit::vcpu {
namespace {

using benchmarks::PairedSamples;
using benchmarks::Side;

// What the guest writes to.
class CountingDevice final : public devices::IoDevice {
 public:
  const char* Name() const override { return "counter"; }
  void Read(uint64_t, std::span<std::byte>) override {}
  void Write(uint64_t, std::span<const std::byte>) override { ++writes_; }
  size_t writes() const { return writes_; }

 private:
  size_t writes_ = 0;
};

absl::Status SetCpuid(const kvm::Kvm& kvm, kvm::Vcpu& vcpu) {
  HVKIT_ASSIGN_OR_RETURN(const kvm::Cpuid supported, kvm.GetSupportedCpuid());
  HVKIT_ASSIGN_OR_RETURN(const kvm::Cpuid cpuid, MergeCpuid(supported, {.cpu_count = 1}, 0));
  return vcpu.SetCpuid2(cpuid);
}

absl::Status SetState(GuestMemory& memory, kvm::Vcpu& vcpu) {
  HVKIT_RETURN_IF_ERROR(WriteLongModeTables(memory, kLifeTables));
  if (memory.Write(kLifeCode, std::as_bytes(std::span(kLifeGuest))) != hyperv::MemFault::kNone) {
    return absl::OutOfRangeError("the guest does not fit into RAM");
  }
  return SetLongMode(vcpu, {.rip = kLifeCode.value(), .tables = kLifeTables});
}

absl::Status RunToFirstExit(KvmRunner& runner, const CountingDevice& device) {
  const RunOutcome outcome = runner.Run();
  if (outcome == RunOutcome::kFailed) return runner.TakeError();
  if (outcome == RunOutcome::kHandled && device.writes() == 1) return absl::OkStatus();
  return absl::InternalError("the guest's first exit is not its OUT");
}

// What the guest talks to; not a part of its life.
struct World {
  CountingDevice device;
  StoppingHandlers handlers;
  devices::IoBus ports;
  devices::IoBus mmio;
};

// All that is made is gone when it returns, in the order in which the raw life closes it.
absl::Status LiveAndDie(World& world, LifeWatch& watch) {
  HVKIT_ASSIGN_OR_RETURN(const kvm::Kvm kvm, kvm::Kvm::Open());
  watch.Lap(LifeStep::kOpen);
  std::unique_ptr<GuestMemory> memory;  // outlives the VM
  HVKIT_ASSIGN_OR_RETURN(const kvm::Vm vm, kvm.CreateVm());
  watch.Lap(LifeStep::kCreateVm);
  HVKIT_ASSIGN_OR_RETURN(memory, GuestMemory::Create(kLifeRamSize));
  HVKIT_RETURN_IF_ERROR(memory->RegisterWith(vm));
  watch.Lap(LifeStep::kMemory);
  HVKIT_RETURN_IF_ERROR(vm.CreateIrqchip());
  watch.Lap(LifeStep::kIrqchip);
  HVKIT_ASSIGN_OR_RETURN(kvm::Vcpu vcpu, vm.CreateVcpu(0));
  watch.Lap(LifeStep::kVcpu);
  HVKIT_RETURN_IF_ERROR(SetCpuid(kvm, vcpu));
  watch.Lap(LifeStep::kCpuid);
  HVKIT_RETURN_IF_ERROR(SetState(*memory, vcpu));
  watch.Lap(LifeStep::kState);
  KvmRunner runner(0, std::move(vcpu),
                   {.ports = world.ports, .mmio = world.mmio, .handlers = world.handlers});
  HVKIT_RETURN_IF_ERROR(RunToFirstExit(runner, world.device));
  watch.Lap(LifeStep::kFirstRun);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LifeTimes> OurLife() {
  World world;
  HVKIT_RETURN_IF_ERROR(world.ports.Add(kLifePort, 1, world.device));
  LifeWatch watch;
  HVKIT_RETURN_IF_ERROR(LiveAndDie(world, watch));
  watch.Lap(LifeStep::kClose);
  return watch.times();
}

absl::StatusOr<LifeSummaries> RunLifeRounds(const benchmarks::RoundCounts& counts, Life raw,
                                            Life ours) {
  HVKIT_RETURN_IF_ERROR(ours().status());  // what only the first one does is not measured
  std::vector<PairedSamples> samples(kLifeSteps, PairedSamples(counts));
  for (size_t i = 0; i < counts.steps(); ++i) {
    const Side side = benchmarks::SideOfStep(i);
    HVKIT_ASSIGN_OR_RETURN(const LifeTimes times, side == Side::kOurs ? ours() : raw());
    for (size_t step = 0; step < kLifeSteps; ++step) samples[step].Record(side, times[step]);
  }
  LifeSummaries summaries;
  for (size_t step = 0; step < kLifeSteps; ++step) summaries[step] = samples[step].Summarize();
  return summaries;
}

}  // namespace hvkit::vcpu
