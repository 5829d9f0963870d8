#include "kvm_ioctls/device.h"

namespace hvkit::kvm {

absl::Status Device::HasAttr(const kvm_device_attr& attr) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_HAS_DEVICE_ATTR), &attr,
               {{"group", attr.group}, {"attr", attr.attr}});
}

absl::Status Device::SetAttr(const kvm_device_attr& attr) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_DEVICE_ATTR), &attr,
               {{"group", attr.group}, {"attr", attr.attr}});
}

absl::Status Device::GetAttr(const kvm_device_attr& attr) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_GET_DEVICE_ATTR), &attr,
               {{"group", attr.group}, {"attr", attr.attr}});
}

}  // namespace hvkit::kvm
