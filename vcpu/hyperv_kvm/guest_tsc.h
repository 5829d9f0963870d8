// A guest's writes of its own time stamp counter (MSRs 0x10 and 0x3B), which must not reach KVM
// unseen: they move the TSC under the reference TSC page. Sources: Intel SDM volume 3, "Time-Stamp
// Counter Adjustment"; KVM_VCPU_TSC_OFFSET in the kernel's KVM API documentation.
#ifndef HVKIT_VCPU_HYPERV_KVM_GUEST_TSC_H_
#define HVKIT_VCPU_HYPERV_KVM_GUEST_TSC_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "kvm_ioctls/vcpu.h"

namespace hvkit::vcpu {

inline constexpr uint32_t kMsrTsc = 0x10;        // IA32_TIME_STAMP_COUNTER
inline constexpr uint32_t kMsrTscAdjust = 0x3B;  // IA32_TSC_ADJUST

// Does what the guest's WRMSR of one of the two asks for: each moves the TSC and IA32_TSC_ADJUST by
// the same amount. (KVM_SET_MSRS would do something else, which is for migration.) Returns the
// offset then in force, guest TSC minus host TSC; the same as before on a KVM that cannot move the
// TSC. *VP thread*.
[[nodiscard]] absl::StatusOr<uint64_t> WriteTscMsr(const kvm::Vcpu& vcpu, uint32_t msr,
                                                   uint64_t value);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_GUEST_TSC_H_
