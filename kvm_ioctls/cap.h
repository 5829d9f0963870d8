// Names of KVM_CAP_* numbers, for messages and reports. Which capabilities a kernel has is
// Kvm::CheckExtension's answer.
#ifndef HVKIT_KVM_IOCTLS_CAP_H_
#define HVKIT_KVM_IOCTLS_CAP_H_

#include <cstdint>
#include <string>

namespace hvkit::kvm {

// "KVM_CAP_HYPERV_SYNIC2"; "KVM_CAP_999" for a number without a name here (other architectures',
// newer ones).
std::string CapName(uint32_t cap);

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_CAP_H_
