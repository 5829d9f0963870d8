// The user back end: the model emulates Hyper-V in user space, on any KVM. This puts the model's
// partition on top of a VM's vCPUs. Sources: the headers of its parts.
//
// It resolves nothing: the set in force comes from hyperv/enlightenments, judged by UserAbility().
// Hypercalls come through a port of their own (hypercall_port.h), and the model's dispatcher serves
// them.
#ifndef HVKIT_VCPU_HYPERV_KVM_USER_BACKEND_H_
#define HVKIT_VCPU_HYPERV_KVM_USER_BACKEND_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/host/boot_zeroed_memory.h"
#include "hyperv/host/debug_channel.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/partition/host_hooks.h"
#include "hyperv/partition/partition.h"
#include "hyperv/partition/partition_events.h"
#include "hyperv/partition/vp_registers.h"
#include "hyperv/policy/policy.h"
#include "hyperv/synic/synic_ports.h"
#include "kvm_ioctls/exit.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vm.h"
#include "vcpu/hyperv_kvm/auto_eoi.h"
#include "vcpu/hyperv_kvm/hypercall_port.h"
#include "vcpu/hyperv_kvm/kernel_ability.h"
#include "vcpu/hyperv_kvm/msi_interrupt_sink.h"
#include "vcpu/hyperv_kvm/timerfd_scheduler.h"
#include "vcpu/hyperv_kvm/tsc_clock.h"
#include "vcpu/hyperv_kvm/user_hypercalls.h"
#include "vcpu/hyperv_kvm/vcpu_hooks.h"
#include "vcpu/kvm_runner.h"

namespace hvkit::vcpu {

// Set up by one thread in the order SetUpVm, Attach for each VP, Start; then OnMsr and OnKicked are
// *VP thread*, and Pause and Resume are for a thread that has paused all VPs. VP index, vCPU id and
// APIC id are the same number.
class UserBackend {
 public:
  // What the guest is to have.
  struct Options {
    hyperv::EnlightenmentSet in_force = {};
    KernelFacts facts = {};
    // KVM's own features, to be shown above Hyper-V's; nothing hides them (kvm=off).
    std::optional<hyperv::KvmLeaf> kvm_leaf = std::nullopt;
    uint32_t vp_count = 1;
    hyperv::Policy policy = {};
    // Where the hypercall page's OUT goes; part of the guest's state once the page is enabled.
    uint8_t hypercall_port = kDefaultHypercallPort;
  };
  // What the back end works on. All outlive it.
  struct Host {
    const kvm::Vm& vm;
    hyperv::GuestMemory& memory;
    hyperv::PartitionEvents& events;
    // Makes the VP's thread call OnKicked before it enters the guest again (VcpuThread::Kick).
    TimerfdScheduler::KickVp kick;
    // The debugger, by MSR and by hypercall. Null: nothing is sent or received, and the hypercalls
    // do not exist.
    hyperv::SyndbgTransport* syndbg = nullptr;
    hyperv::DebugChannel* debug = nullptr;
    // Null: the guest is not told what of its memory is zero.
    const hyperv::BootZeroedMemory* boot_zeroed = nullptr;
  };

  UserBackend(Options options, Host host);

  // Intercepts the MSRs; before vCPUs exist. FailedPrecondition for more VPs than this KVM's
  // messages can name.
  [[nodiscard]] absl::Status SetUpVm() const;
  // The hypervisor's CPUID leaves, for all VPs.
  [[nodiscard]] std::vector<hyperv::CpuidEntry> Cpuid() const;
  // The VP's runner, which stays where it is until it has run for the last time.
  void Attach(hyperv::VpIndex vp, KvmRunner& runner);
  // Makes the partition; its reference time begins. Once all VPs are attached. VP 0 is to run at
  // once, the others when they are started.
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
  // What the guest's messages and events reach.
  [[nodiscard]] hyperv::SynicPorts& ports() { return ports_; }
  // For hypercalls of the embedder's own: after Start, before the vCPUs run.
  [[nodiscard]] hyperv::CallTable& calls() { return hypercalls_->calls(); }

 private:
  [[nodiscard]] bool Has(hyperv::Enlightenment e) const { return options_.in_force.Has(e); }
  // Frequency and offsets of the guest's TSC.
  [[nodiscard]] absl::Status StartClock(uint64_t& tsc_hz);
  [[nodiscard]] absl::Status StartHypercalls();
  [[nodiscard]] bool TscIsStable() const;
  void OnTscWrite(hyperv::VpIndex vp, kvm::MsrExit exit);

  const Options options_;
  const Host host_;
  VcpuHooks hooks_;
  AutoEoi auto_eoi_;
  MsiInterruptSink interrupts_;
  std::optional<TscClock> clock_;
  hyperv::SynicPorts ports_;
  std::vector<KvmRunner*> runners_;
  std::optional<hyperv::Partition> partition_;
  std::unique_ptr<hyperv::VpMsrAccess> msrs_;
  std::optional<hyperv::VpRegisters> registers_;
  std::unique_ptr<UserHypercalls> hypercalls_;
  std::unique_ptr<TimerfdScheduler> scheduler_;  // last: its thread ends first
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_USER_BACKEND_H_
