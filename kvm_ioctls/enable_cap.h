// KVM_ENABLE_CAP, which VMs and vCPUs share, with the capability's name in the error. Internal to
// the package.
#ifndef HVKIT_KVM_IOCTLS_ENABLE_CAP_H_
#define HVKIT_KVM_IOCTLS_ENABLE_CAP_H_

#include <cstdint>

#include "absl/status/status.h"
#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::kvm::internal {

// A request for `cap` with one argument.
kvm_enable_cap MakeEnableCap(uint32_t cap, uint64_t argument);

// On failure: "KVM_ENABLE_CAP(KVM_CAP_HYPERV_SYNIC2, 0x0, 0x0, 0x0, 0x0): EINVAL".
absl::Status EnableCap(int fd, const kvm_enable_cap& cap);

}  // namespace hvkit::kvm::internal

#endif  // HVKIT_KVM_IOCTLS_ENABLE_CAP_H_
