// XMM0 to XMM5 of a vCPU, by KVM_GET_XSAVE and KVM_SET_XSAVE. Sources: the kernel's KVM API
// documentation; Intel SDM volume 1, "Layout of the 64-bit-Mode FXSAVE64 Map" and "XSAVE Header".
#ifndef HVKIT_VCPU_HYPERV_KVM_VCPU_XMM_H_
#define HVKIT_VCPU_HYPERV_KVM_VCPU_XMM_H_

#include "absl/status/status.h"
#include "hyperv/host/hypercall_registers.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/xsave.h"

namespace hvkit::vcpu {

// *VP thread*. Two or three ioctls a call; allocates only when made.
class VcpuXmm final : public hyperv::XmmRegisters {
 public:
  // `vcpu` outlives this object.
  explicit VcpuXmm(const kvm::Vcpu& vcpu) : vcpu_(vcpu), xsave_(vcpu.xsave_size()) {}

  // Zeros if KVM refuses.
  void Read(hyperv::XmmValues& values) override;
  void Write(const hyperv::XmmValues& values) override;

  // Why KVM refused since the last call of this.
  [[nodiscard]] absl::Status TakeError();

 private:
  absl::Status Get();

  const kvm::Vcpu& vcpu_;
  kvm::Xsave xsave_;
  absl::Status error_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_VCPU_XMM_H_
