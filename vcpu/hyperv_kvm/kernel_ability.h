// What KVM's own Hyper-V emulation can give a guest on this machine, enlightenment by
// enlightenment, with the reason for each that it cannot. Sources: KVM_GET_SUPPORTED_HV_CPUID and
// the KVM_CAP_HYPERV_* capabilities of the kernel's KVM API documentation; which capability stands
// for which enlightenment as in QEMU's target/i386/kvm/kvm.c.
//
// Asking (QueryKernelFacts) is apart from judging (KernelAbility), so that the judgement is tested
// without KVM.
#ifndef HVKIT_VCPU_HYPERV_KVM_KERNEL_ABILITY_H_
#define HVKIT_VCPU_HYPERV_KVM_KERNEL_ABILITY_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/enlightenments/resolve.h"
#include "kvm_ioctls/kvm.h"

namespace hvkit::vcpu {

// KVM's answers. *immutable* once asked.
struct KernelFacts {
  std::map<uint32_t, int> capabilities;  // KVM_CAP_* -> KVM_CHECK_EXTENSION
  std::vector<hyperv::CpuidEntry>
      hv_leaves;  // KVM_GET_SUPPORTED_HV_CPUID; empty without KVM_CAP_SYS_HYPERV_CPUID

  // What KVM_CHECK_EXTENSION said of it; 0 if it was not asked.
  [[nodiscard]] int Capability(uint32_t cap) const;
  // The leaf, or zeros where KVM does not report it.
  [[nodiscard]] hyperv::CpuidEntry Leaf(hyperv::tlfs::CpuidLeaf leaf) const;
};

// Asks /dev/kvm; the errors are those of its ioctls.
[[nodiscard]] absl::StatusOr<KernelFacts> QueryKernelFacts(const kvm::Kvm& kvm);

// What the kernel back end can do with such a KVM, and the reason for each thing that it cannot.
[[nodiscard]] hyperv::Ability KernelAbility(const KernelFacts& facts);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_KERNEL_ABILITY_H_
