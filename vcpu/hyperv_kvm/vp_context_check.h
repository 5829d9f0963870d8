// Whether a processor can be in the state that a guest asks for with HvCallStartVirtualProcessor.
// Sources: TLFS datatypes/hv_initial_vp_context.md; Intel SDM volume 3, "Checks on the Guest State
// Area"; AMD APM volume 2, "Canonicalization and Consistency Checks" of VMRUN.
//
// KVM_SET_SREGS takes segments as they are, and an entry with impossible ones ends the virtual
// machine (KVM_EXIT_FAIL_ENTRY). The rules are those of VMX with unrestricted guests, which have
// all of SVM's; what depends on the processor's abilities (reserved bits of CR3, CR4, EFER and PAT)
// is left to KVM, which checks it.
#ifndef HVKIT_VCPU_HYPERV_KVM_VP_CONTEXT_CHECK_H_
#define HVKIT_VCPU_HYPERV_KVM_VP_CONTEXT_CHECK_H_

#include "hyperv/tlfs/hypercall_vp.h"

namespace hvkit::vcpu {

// Pure: thread-safe.
[[nodiscard]] bool IsPossible(const hyperv::tlfs::InitialVpContext& context);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_VP_CONTEXT_CHECK_H_
