// The life of a virtual machine as a C program without any library would have it: what the packages
// are measured against. Source: the kernel's KVM API documentation.
#ifndef HVKIT_VCPU_RAW_LIFE_H_
#define HVKIT_VCPU_RAW_LIFE_H_

#include "absl/status/statusor.h"
#include "vcpu/life_steps.h"

namespace hvkit::vcpu {

// Makes a VM, runs its guest up to the first exit, and closes everything. The error names the step.
[[nodiscard]] absl::StatusOr<LifeTimes> RawLife();

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_RAW_LIFE_H_
