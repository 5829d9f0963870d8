#include "kvm_ioctls/vcpu_hyperv.h"

#include "kvm_ioctls/fam_ioctl.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::kvm {

absl::StatusOr<Cpuid> GetSupportedHvCpuid(const Vcpu& vcpu) {
  return internal::GetCpuid(vcpu.fd(), HVKIT_IOCTL_ID(KVM_GET_SUPPORTED_HV_CPUID));
}

absl::Status EnableHypervSynic2(const Vcpu& vcpu) { return vcpu.EnableCap(KVM_CAP_HYPERV_SYNIC2); }

absl::Status SetHypervEnforceCpuid(const Vcpu& vcpu, bool enforce) {
  return vcpu.EnableCap(KVM_CAP_HYPERV_ENFORCE_CPUID, enforce ? 1 : 0);
}

absl::StatusOr<uint16_t> EnableHypervEnlightenedVmcs(const Vcpu& vcpu) {
  uint16_t version = 0;
  HVKIT_RETURN_IF_ERROR(
      vcpu.EnableCap(KVM_CAP_HYPERV_ENLIGHTENED_VMCS, reinterpret_cast<uintptr_t>(&version)));
  return version;
}

absl::Status EnableHypervDirectTlbflush(const Vcpu& vcpu) {
  return vcpu.EnableCap(KVM_CAP_HYPERV_DIRECT_TLBFLUSH);
}

}  // namespace hvkit::kvm
