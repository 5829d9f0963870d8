// The kernel back end: KVM emulates Hyper-V; this configures it, and completes what it leaves to
// user space. Sources: the kernel's KVM API documentation (KVM_CAP_HYPERV_*, KVM_EXIT_HYPERV,
// KVM_EXIT_SYSTEM_EVENT).
//
// It resolves nothing: the set in force comes from hyperv/enlightenments, judged by
// KernelAbility().
#ifndef HVKIT_VCPU_HYPERV_KVM_KERNEL_BACKEND_H_
#define HVKIT_VCPU_HYPERV_KVM_KERNEL_BACKEND_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/partition/partition_events.h"
#include "kvm_ioctls/exit.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vm.h"
#include "vcpu/hyperv_kvm/kernel_ability.h"

namespace hvkit::vcpu {

// *immutable*: set-up is done by one thread before vCPUs run; the On... methods are *VP thread*,
// for that VP's own exits.
class KernelBackend {
 public:
  // `kvm_leaf` holds KVM's own features, to be shown above Hyper-V's; nothing hides them (kvm=off).
  // `memory` outlives this object.
  KernelBackend(const hyperv::EnlightenmentSet& in_force, KernelFacts facts,
                std::optional<hyperv::KvmLeaf> kvm_leaf, const hyperv::GuestMemory& memory);

  // Takes the guest's writes of HV_X64_MSR_CRASH_CTL to user space, since KVM drops its
  // CrashMessage bit. Without hv_crash in force nothing is done. Before vCPUs run.
  [[nodiscard]] absl::Status SetUpVm(const kvm::Vm& vm) const;

  // Enables the Hyper-V capabilities of a vCPU, sets its VP index and what its crash control reads
  // as, and returns the Hyper-V CPUID leaves to give it. Once per vCPU, before KVM_SET_CPUID2.
  [[nodiscard]] absl::StatusOr<std::vector<hyperv::CpuidEntry>> SetUpVcpu(const kvm::Vcpu& vcpu,
                                                                          hyperv::VpIndex vp) const;

  // Completes KVM_EXIT_HYPERV.
  void OnHyperv(kvm::HypervExit exit) const;
  // Answers an MSR exit; a crash report when that was the guest reporting one.
  [[nodiscard]] std::optional<hyperv::CrashReport> OnMsr(const kvm::Vcpu& vcpu,
                                                         kvm::MsrExit exit) const;

 private:
  [[nodiscard]] bool Has(hyperv::Enlightenment e) const { return in_force_.Has(e); }
  [[nodiscard]] absl::Status EnableCapabilities(const kvm::Vcpu& vcpu,
                                                hyperv::CpuidFacts& facts) const;
  [[nodiscard]] hyperv::CpuidFacts Facts() const;

  const hyperv::EnlightenmentSet in_force_;
  const KernelFacts facts_;
  const std::optional<hyperv::KvmLeaf> kvm_leaf_;
  const hyperv::GuestMemory& memory_;
};

// HV_X64_MSR_CRASH_P0..P4 of KVM's own Hyper-V: what there is to report after
// KVM_SYSTEM_EVENT_CRASH, which says nothing of a message. *VP thread*.
[[nodiscard]] std::array<uint64_t, hyperv::kCrashParameterCount> ReadCrashParameters(
    const kvm::Vcpu& vcpu);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_KERNEL_BACKEND_H_
