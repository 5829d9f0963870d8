// The user back end: the model emulates Hyper-V in user space, on any KVM. This puts the model's
// partition on top of a VM's vCPUs. Sources: the headers of its parts.
//
// It resolves nothing: the set in force comes from hyperv/enlightenments, judged by UserAbility().
// No hypercall is dispatched yet: the hypercall page answers each with
// HV_STATUS_INVALID_HYPERCALL_CODE, and CPUID does not offer to post messages or signal events.
#ifndef HVKIT_VCPU_HYPERV_KVM_USER_BACKEND_H_
#define HVKIT_VCPU_HYPERV_KVM_USER_BACKEND_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/partition/partition.h"
#include "hyperv/partition/partition_events.h"
#include "hyperv/policy/policy.h"
#include "kvm_ioctls/exit.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vm.h"
#include "vcpu/hyperv_kvm/auto_eoi.h"
#include "vcpu/hyperv_kvm/kernel_ability.h"
#include "vcpu/hyperv_kvm/msi_interrupt_sink.h"
#include "vcpu/hyperv_kvm/timerfd_scheduler.h"
#include "vcpu/hyperv_kvm/tsc_clock.h"
#include "vcpu/hyperv_kvm/vcpu_hooks.h"

namespace hvkit::vcpu {

// Set up by one thread in the order SetUpVm, Attach for each VP, Start; then OnMsr and OnKicked are
// *VP thread*, and Pause and Resume are for a thread that has paused all VPs. VP index, vCPU id and
// APIC id are the same number.
class UserBackend {
 public:
  struct Options {
    hyperv::EnlightenmentSet in_force = {};
    KernelFacts facts = {};
    // KVM's own features, to be shown above Hyper-V's; nothing hides them (kvm=off).
    std::optional<hyperv::KvmLeaf> kvm_leaf = std::nullopt;
    uint32_t vp_count = 1;
    hyperv::Policy policy = {};
  };
  // What the back end works on. All outlive it.
  struct Host {
    const kvm::Vm& vm;
    hyperv::GuestMemory& memory;
    hyperv::PartitionEvents& events;
    // Makes the VP's thread call OnKicked before it enters the guest again (VcpuThread::Kick).
    TimerfdScheduler::KickVp kick;
  };

  UserBackend(Options options, Host host);

  // Intercepts the MSRs; before vCPUs exist. FailedPrecondition for more VPs than this KVM's
  // messages can name.
  [[nodiscard]] absl::Status SetUpVm() const;
  // The hypervisor's CPUID leaves, for all VPs.
  [[nodiscard]] std::vector<hyperv::CpuidEntry> Cpuid() const;
  // The VP's vCPU, at an address that it keeps until it has run for the last time.
  void Attach(hyperv::VpIndex vp, const kvm::Vcpu& vcpu) { hooks_.Attach(vp, vcpu); }
  // Makes the partition; its reference time begins. Once all VPs are attached.
  [[nodiscard]] absl::Status Start();

  // Answers an MSR exit.
  void OnMsr(hyperv::VpIndex vp, kvm::MsrExit exit);
  // The VP's turn: messages from other threads, timers that are due.
  void OnKicked(hyperv::VpIndex vp);

  // Reference time stands still in between.
  void Pause();
  void Resume();

  // After Start.
  [[nodiscard]] hyperv::Partition& partition() { return *partition_; }
  [[nodiscard]] const hyperv::ReferenceClock& clock() const { return *clock_; }

 private:
  [[nodiscard]] bool Has(hyperv::Enlightenment e) const { return options_.in_force.Has(e); }
  // Frequency and offsets of the guest's TSC.
  [[nodiscard]] absl::Status StartClock(uint64_t& tsc_hz);
  [[nodiscard]] bool TscIsStable() const;
  void OnTscWrite(hyperv::VpIndex vp, kvm::MsrExit exit);

  const Options options_;
  const Host host_;
  VcpuHooks hooks_;
  AutoEoi auto_eoi_;
  MsiInterruptSink interrupts_;
  std::optional<TscClock> clock_;
  std::optional<hyperv::Partition> partition_;
  std::unique_ptr<TimerfdScheduler> scheduler_;  // last: its thread ends first
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_USER_BACKEND_H_
