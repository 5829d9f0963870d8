#include "kvm_ioctls/kvm.h"

#include <fcntl.h>

#include "absl/strings/str_cat.h"
#include "kvm_ioctls/fam_ioctl.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::kvm {
namespace {

constexpr int kApiVersion = 12;
// What the KVM API documentation says to assume where the capability answers 0.
constexpr int kDefaultVcpus = 4;
constexpr int kDefaultMemslots = 32;

}  // namespace

absl::StatusOr<Kvm> Kvm::Open(const char* path) {
  UniqueFd fd(::open(path, O_RDWR | O_CLOEXEC));
  if (!fd.valid()) {
    return ErrnoToStatus(Errno::Last(), absl::StrCat("open of ", path));
  }
  Kvm kvm(std::move(fd));
  HVKIT_ASSIGN_OR_RETURN(const int version, kvm.GetApiVersion());
  if (version != kApiVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": KVM API version ", version, ", want ", kApiVersion));
  }
  return kvm;
}

absl::StatusOr<int> Kvm::GetApiVersion() const {
  return Call(HVKIT_IOCTL_ID(KVM_GET_API_VERSION), 0);
}

absl::StatusOr<int> Kvm::CheckExtension(uint32_t cap) const {
  return Call(HVKIT_IOCTL_ID(KVM_CHECK_EXTENSION), cap, {{"cap", cap}});
}

absl::StatusOr<int> Kvm::CheckExtensionOr(uint32_t cap, int fallback) const {
  HVKIT_ASSIGN_OR_RETURN(const int value, CheckExtension(cap));
  return value > 0 ? value : fallback;
}

absl::StatusOr<size_t> Kvm::GetVcpuMmapSize() const {
  HVKIT_ASSIGN_OR_RETURN(const int size, Call(HVKIT_IOCTL_ID(KVM_GET_VCPU_MMAP_SIZE), 0));
  return static_cast<size_t>(size);
}

absl::StatusOr<int> Kvm::GetRecommendedVcpus() const {
  return CheckExtensionOr(KVM_CAP_NR_VCPUS, kDefaultVcpus);
}

absl::StatusOr<int> Kvm::GetMaxVcpus() const {
  HVKIT_ASSIGN_OR_RETURN(const int recommended, GetRecommendedVcpus());
  return CheckExtensionOr(KVM_CAP_MAX_VCPUS, recommended);
}

absl::StatusOr<int> Kvm::GetMaxVcpuId() const {
  HVKIT_ASSIGN_OR_RETURN(const int max_vcpus, GetMaxVcpus());
  return CheckExtensionOr(KVM_CAP_MAX_VCPU_ID, max_vcpus);
}

absl::StatusOr<int> Kvm::GetMaxMemslots() const {
  return CheckExtensionOr(KVM_CAP_NR_MEMSLOTS, kDefaultMemslots);
}

absl::StatusOr<Cpuid> Kvm::GetSupportedCpuid() const {
  return internal::GetCpuid(fd(), HVKIT_IOCTL_ID(KVM_GET_SUPPORTED_CPUID));
}

absl::StatusOr<Cpuid> Kvm::GetEmulatedCpuid() const {
  return internal::GetCpuid(fd(), HVKIT_IOCTL_ID(KVM_GET_EMULATED_CPUID));
}

absl::StatusOr<Cpuid> Kvm::GetSupportedHvCpuid() const {
  return internal::GetCpuid(fd(), HVKIT_IOCTL_ID(KVM_GET_SUPPORTED_HV_CPUID));
}

absl::StatusOr<MsrList> Kvm::GetMsrIndexList() const {
  return internal::GetMsrList(fd(), HVKIT_IOCTL_ID(KVM_GET_MSR_INDEX_LIST));
}

absl::StatusOr<MsrList> Kvm::GetMsrFeatureIndexList() const {
  return internal::GetMsrList(fd(), HVKIT_IOCTL_ID(KVM_GET_MSR_FEATURE_INDEX_LIST));
}

absl::Status Kvm::GetMsrs(Msrs& msrs) const {
  return internal::TransferMsrs(fd(), HVKIT_IOCTL_ID(KVM_GET_MSRS), *msrs.get(), "read");
}

absl::StatusOr<uint64_t> Kvm::GetMceCapSupported() const {
  return Get<uint64_t>(HVKIT_IOCTL_ID(KVM_X86_GET_MCE_CAP_SUPPORTED));
}

absl::Status Kvm::HasDeviceAttr(const kvm_device_attr& attr) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_HAS_DEVICE_ATTR), &attr,
               {{"group", attr.group}, {"attr", attr.attr}});
}

absl::Status Kvm::GetDeviceAttr(const kvm_device_attr& attr) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_GET_DEVICE_ATTR), &attr,
               {{"group", attr.group}, {"attr", attr.attr}});
}

absl::StatusOr<Vm> Kvm::CreateVm(uint64_t type) const {
  HVKIT_ASSIGN_OR_RETURN(UniqueFd vm_fd,
                         NewFd(HVKIT_IOCTL_ID(KVM_CREATE_VM), type, {{"type", type}}));
  HVKIT_ASSIGN_OR_RETURN(const size_t run_size, GetVcpuMmapSize());
  return Vm::FromFd(std::move(vm_fd), run_size);
}

}  // namespace hvkit::kvm
