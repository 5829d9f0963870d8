// How long a virtual processor has run, for HV_X64_MSR_VP_RUNTIME: the CPU time of its thread. It
// grows in the guest and while the VMM works for the guest, not while the VP is halted. Sources:
// TLFS vp-properties.md, "Virtual Processor Run Time Register"; clock_gettime(2),
// CLOCK_THREAD_CPUTIME_ID.
#ifndef HVKIT_VCPU_HYPERV_KVM_VP_RUNTIME_H_
#define HVKIT_VCPU_HYPERV_KVM_VP_RUNTIME_H_

#include "hyperv/host/ref_time.h"

namespace hvkit::vcpu {

// *VP thread*: that of the VP which is asked about, from its first call to its last.
[[nodiscard]] hyperv::RefDuration VpRuntimeOfThisThread();

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_VP_RUNTIME_H_
