// HvCallStartVirtualProcessor on a vCPU: the state that the guest asks for, as KVM's. Sources: TLFS
// datatypes/hv_initial_vp_context.md; Intel SDM volume 3, "Checks on Guest Control Registers".
#ifndef HVKIT_VCPU_HYPERV_KVM_VP_START_H_
#define HVKIT_VCPU_HYPERV_KVM_VP_START_H_

#include "absl/status/status.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/vcpu.h"

namespace hvkit::vcpu {

// Whether a processor can be in that state, as far as can be told without it: the modes that CR0,
// CR4, EFER and CS select together.
[[nodiscard]] bool IsPossible(const hyperv::tlfs::InitialVpContext& context);

// `sregs` with the context's registers; the rest stays.
void SetSystemRegisters(const hyperv::tlfs::InitialVpContext& context, kvm_sregs& sregs);

// Makes a vCPU that waits for INIT or SIPI run from `context` on. FailedPrecondition, and nothing
// has changed, if it does not wait. *VP thread*.
[[nodiscard]] absl::Status StartVcpu(const kvm::Vcpu& vcpu,
                                     const hyperv::tlfs::InitialVpContext& context);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_VP_START_H_
