// The kernel back end: KVM emulates Hyper-V; this configures it, and completes what it leaves to
// user space: messages and events of the host (kernel_synic.h), hypercalls (kernel_hypercalls.h),
// the debugger, crashes. Sources: the kernel's KVM API documentation (KVM_CAP_HYPERV_*,
// KVM_EXIT_HYPERV, KVM_EXIT_SYSTEM_EVENT).
//
// It resolves nothing: the set in force comes from hyperv/enlightenments, judged by
// KernelAbility().
#ifndef HVKIT_VCPU_HYPERV_KVM_KERNEL_BACKEND_H_
#define HVKIT_VCPU_HYPERV_KVM_KERNEL_BACKEND_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/host/boot_zeroed_memory.h"
#include "hyperv/host/debug_channel.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/partition/host_hooks.h"
#include "hyperv/partition/partition_events.h"
#include "hyperv/synic/device_synic.h"
#include "kvm_ioctls/exit.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vm.h"
#include "vcpu/hyperv_kvm/kernel_ability.h"
#include "vcpu/hyperv_kvm/kernel_hypercalls.h"
#include "vcpu/hyperv_kvm/kernel_synic.h"

namespace hvkit::vcpu {

// Set up by one thread in the order of the methods; the On... methods are *VP thread*, for that
// VP's own exits.
class KernelBackend {
 public:
  // What the guest is to have.
  struct Options {
    hyperv::EnlightenmentSet in_force = {};
    KernelFacts facts = {};
    // KVM's own features, to be shown above Hyper-V's; nothing hides them (kvm=off).
    std::optional<hyperv::KvmLeaf> kvm_leaf = std::nullopt;
    uint32_t vp_count = 1;
  };
  // What the back end works on. All outlive it.
  struct Host {
    const kvm::Vm& vm;
    hyperv::GuestMemory& memory;
    // Makes the VP's thread call OnKicked before it enters the guest again (VcpuThread::Kick).
    std::function<void(hyperv::VpIndex)> kick;
    // The debugger, by MSR and by hypercall. Null: nothing is sent or received, and the hypercalls
    // do not exist.
    hyperv::SyndbgTransport* syndbg = nullptr;
    hyperv::DebugChannel* debug = nullptr;
    // Null: the guest is not told what of its memory is zero.
    const hyperv::BootZeroedMemory* boot_zeroed = nullptr;
  };

  KernelBackend(Options options, Host host);

  // Takes the guest's writes of HV_X64_MSR_CRASH_CTL to user space, since KVM drops its
  // CrashMessage bit. Without hv_crash in force nothing is done. Before vCPUs run.
  [[nodiscard]] absl::Status SetUpVm() const;
  // Enables the Hyper-V capabilities of a vCPU, sets its VP index and what its crash control reads
  // as, and returns the Hyper-V CPUID leaves to give it. Once per vCPU, before KVM_SET_CPUID2.
  [[nodiscard]] absl::StatusOr<std::vector<hyperv::CpuidEntry>> SetUpVcpu(const kvm::Vcpu& vcpu,
                                                                          hyperv::VpIndex vp) const;
  // Once all vCPUs are set up.
  [[nodiscard]] absl::Status Start();

  // Completes KVM_EXIT_HYPERV.
  void OnHyperv(hyperv::VpIndex vp, kvm::HypervExit exit);
  // Answers an MSR exit; a crash report when that was the guest reporting one.
  [[nodiscard]] std::optional<hyperv::CrashReport> OnMsr(const kvm::Vcpu& vcpu,
                                                         kvm::MsrExit exit) const;
  // The VP's turn: messages that others have posted.
  void OnKicked(hyperv::VpIndex vp);

  // For devices that talk to the guest through its SynICs; after Start. Null without hv_synic.
  [[nodiscard]] hyperv::DeviceSynic* device_synic() { return synic_.get(); }

 private:
  [[nodiscard]] bool Has(hyperv::Enlightenment e) const { return options_.in_force.Has(e); }
  [[nodiscard]] absl::Status EnableCapabilities(const kvm::Vcpu& vcpu,
                                                hyperv::CpuidFacts& facts) const;
  [[nodiscard]] hyperv::CpuidFacts Facts() const;
  void OnSyndbg(hyperv::VpIndex vp, kvm::HypervExit exit) const;

  const Options options_;
  const Host host_;
  std::unique_ptr<KernelSynic> synic_;
  std::optional<KernelHypercalls> hypercalls_;
};

// HV_X64_MSR_CRASH_P0..P4 of KVM's own Hyper-V: what there is to report after
// KVM_SYSTEM_EVENT_CRASH, which says nothing of a message. *VP thread*.
[[nodiscard]] std::array<uint64_t, hyperv::kCrashParameterCount> ReadCrashParameters(
    const kvm::Vcpu& vcpu);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_KERNEL_BACKEND_H_
