// What KVM_ENABLE_CAP and the other ioctls of a vCPU do for its Hyper-V emulation. The MSRs
// themselves are set by Vcpu::SetMsr, the exits are in exit.h, the VM's part (KVM_HYPERV_EVENTFD,
// KVM_IRQ_ROUTING_HV_SINT) in vm_irq.h.
#ifndef HVKIT_KVM_IOCTLS_VCPU_HYPERV_H_
#define HVKIT_KVM_IOCTLS_VCPU_HYPERV_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvm_ioctls/fam.h"
#include "kvm_ioctls/vcpu.h"

namespace hvkit::kvm {

// KVM_GET_SUPPORTED_HV_CPUID on the vCPU (KVM_CAP_HYPERV_CPUID, Linux 4.20): as
// Kvm::GetSupportedHvCpuid; the nested leaves depend on EnableHypervEnlightenedVmcs.
[[nodiscard]] absl::StatusOr<Cpuid> GetSupportedHvCpuid(const Vcpu& vcpu);
// KVM_ENABLE_CAP(KVM_CAP_HYPERV_SYNIC2): the in-kernel SynIC, whose pages are not zeroed by the
// kernel. EINVAL: no in-kernel local APIC, or no Hyper-V emulation.
[[nodiscard]] absl::Status EnableHypervSynic2(const Vcpu& vcpu);
// KVM_ENABLE_CAP(KVM_CAP_HYPERV_ENFORCE_CPUID): guests get only the Hyper-V features that their
// CPUID shows.
[[nodiscard]] absl::Status SetHypervEnforceCpuid(const Vcpu& vcpu, bool enforce);
// KVM_ENABLE_CAP(KVM_CAP_HYPERV_ENLIGHTENED_VMCS): for nested hypervisors; the lowest and highest
// version in one word. ENOTTY: not on VMX.
[[nodiscard]] absl::StatusOr<uint16_t> EnableHypervEnlightenedVmcs(const Vcpu& vcpu);
// KVM_ENABLE_CAP(KVM_CAP_HYPERV_DIRECT_TLBFLUSH): a nested hypervisor's guests may flush without
// exits to it. VMX and SVM under Hyper-V only: ENOTTY elsewhere.
[[nodiscard]] absl::Status EnableHypervDirectTlbflush(const Vcpu& vcpu);

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_VCPU_HYPERV_H_
