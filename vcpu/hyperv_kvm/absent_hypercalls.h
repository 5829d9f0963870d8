// The hypercall page of a partition that has no hypercalls: code that answers every call with
// HV_STATUS_INVALID_HYPERCALL_CODE, in the guest and without an exit. Source: TLFS
// hypercall-interface.md, "Hypercall Outputs".
//
// The same bytes serve 64-bit callers (the result in RAX) and 32-bit ones (in EDX:EAX). They change
// nothing but those, R10 and the flags. A caller at CPL 3 gets the status, not #UD.
#ifndef HVKIT_VCPU_HYPERV_KVM_ABSENT_HYPERCALLS_H_
#define HVKIT_VCPU_HYPERV_KVM_ABSENT_HYPERCALLS_H_

#include <cstdint>

#include "hyperv/partition/partition_config.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::vcpu {

// mov $status, %eax; then in 64-bit mode mov $0, %r10d; mov %rdx, %r10; in 32-bit mode, where the
// REX prefixes are instructions, inc %ecx; mov $0, %edx; dec %ecx; mov %edx, %edx. ret.
inline constexpr hyperv::HypercallCode kAbsentHypercalls = {
    .bytes = {0xB8, static_cast<uint8_t>(hyperv::tlfs::HvStatus::kInvalidHypercallCode), 0, 0, 0,
              0x41, 0xBA, 0, 0, 0, 0, 0x49, 0x89, 0xD2, 0xC3},
    .size = 15};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_ABSENT_HYPERCALLS_H_
