// The result of a hypercall that KVM forwards (KVM_EXIT_HYPERV_HCALL) while no port and no handler
// exists: what a guest gets from a partition that nobody connected to anything. Sources: TLFS
// hypercall-interface.md, HvCallPostMessage.md, HvCallSignalEvent.md; which calls KVM forwards:
// kvm_hv_hypercall() in Linux.
//
// KVM has checked the caller's privilege and mode, and the reserved bits of the control word; what
// is checked here is the rest, in the order of the TLFS's tables.
#ifndef HVKIT_VCPU_HYPERV_KVM_FORWARDED_HYPERCALL_H_
#define HVKIT_VCPU_HYPERV_KVM_FORWARDED_HYPERCALL_H_

#include <cstdint>

#include "hyperv/host/guest_memory.h"

namespace hvkit::vcpu {

// `control` is the guest's control word. `input` is the first parameter: for HvCallPostMessage the
// address of its input block; for HvCallSignalEvent always the parameter itself, since KVM has
// loaded it. Returns the result word. Thread-safe.
[[nodiscard]] uint64_t CompleteForwardedHypercall(uint64_t control, uint64_t input,
                                                  const hyperv::GuestMemory& memory);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_FORWARDED_HYPERCALL_H_
