// HvCallStartVirtualProcessor on a vCPU: the state that the guest asks for, as KVM's. Source: TLFS
// datatypes/hv_initial_vp_context.md. What states there can be is vp_context_check.h's.
#ifndef HVKIT_VCPU_HYPERV_KVM_VP_START_H_
#define HVKIT_VCPU_HYPERV_KVM_VP_START_H_

#include "absl/status/status.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/vcpu.h"

namespace hvkit::vcpu {

// `sregs` with the context's registers; the rest stays.
void SetSystemRegisters(const hyperv::tlfs::InitialVpContext& context, kvm_sregs& sregs);

// Makes a vCPU that waits for INIT or SIPI run from `context` on. FailedPrecondition if it does not
// wait, and another error if KVM does not take the registers: then it waits on. *VP thread*.
[[nodiscard]] absl::Status StartVcpu(const kvm::Vcpu& vcpu,
                                     const hyperv::tlfs::InitialVpContext& context);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_VP_START_H_
