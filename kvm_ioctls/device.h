// An in-kernel device made by Vm::CreateDevice; on x86-64 that is KVM_DEV_TYPE_VFIO.
// Source: the kernel's KVM API documentation, "KVM_SET/GET/HAS_DEVICE_ATTR".
#ifndef HVKIT_KVM_IOCTLS_DEVICE_H_
#define HVKIT_KVM_IOCTLS_DEVICE_H_

#include "absl/status/status.h"
#include "kvm_ioctls/ioctl.h"
#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::kvm {

// *Thread-safe* after construction.
class Device : public IoctlFd {
 public:
  // Takes over a descriptor that KVM_CREATE_DEVICE returned.
  explicit Device(UniqueFd fd) : IoctlFd(std::move(fd)) {}

  // KVM_HAS_DEVICE_ATTR. ENXIO (NotFound): no such group or attribute.
  [[nodiscard]] absl::Status HasAttr(const kvm_device_attr& attr) const;
  // KVM_SET_DEVICE_ATTR: reads through attr.addr. ENXIO: as above.
  [[nodiscard]] absl::Status SetAttr(const kvm_device_attr& attr) const;
  // KVM_GET_DEVICE_ATTR: stores through attr.addr. ENXIO: as above; EPERM: the device has none to
  // get.
  [[nodiscard]] absl::Status GetAttr(const kvm_device_attr& attr) const;
};

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_DEVICE_H_
