// The ioctls that fill a flexible-array struct of unknown length: ask, grow on E2BIG, ask again.
// Internal to the package.
#ifndef HVKIT_KVM_IOCTLS_FAM_IOCTL_H_
#define HVKIT_KVM_IOCTLS_FAM_IOCTL_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvm_ioctls/fam.h"
#include "kvm_ioctls/ioctl.h"

namespace hvkit::kvm::internal {

// KVM_GET_SUPPORTED_CPUID and its kin on the descriptor `fd`.
absl::StatusOr<Cpuid> GetCpuid(int fd, const IoctlId& id);

// KVM_GET_MSR_INDEX_LIST and KVM_GET_MSR_FEATURE_INDEX_LIST.
absl::StatusOr<MsrList> GetMsrList(int fd, const IoctlId& id);

// KVM_GET_MSRS and KVM_SET_MSRS (`verb`: "read", "written"): the kernel stops at the first MSR that
// fails, which is an error here: "KVM_SET_MSRS: 3 of 5 written, stopped at 0x40000083: EINVAL".
absl::Status TransferMsrs(int fd, const IoctlId& id, const kvm_msrs& msrs, const char* verb);

}  // namespace hvkit::kvm::internal

#endif  // HVKIT_KVM_IOCTLS_FAM_IOCTL_H_
