// The system file descriptor, /dev/kvm: what this kernel and CPU offer, and the way to a Vm.
// Source: the kernel's KVM API documentation. Thin: one ioctl, one method; no policy.
#ifndef HVKIT_KVM_IOCTLS_KVM_H_
#define HVKIT_KVM_IOCTLS_KVM_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvm_ioctls/fam.h"
#include "kvm_ioctls/ioctl.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/vm.h"

namespace hvkit::kvm {

// *Thread-safe* after construction.
class Kvm : public IoctlFd {
 public:
  // Opens `path` close-on-exec and checks that KVM_GET_API_VERSION is 12. NotFound: no KVM module;
  // PermissionDenied: the user is not in the group that owns the device.
  [[nodiscard]] static absl::StatusOr<Kvm> Open(const char* path = "/dev/kvm");
  // Takes over a descriptor of /dev/kvm that someone else opened (a jailer). Checks nothing.
  [[nodiscard]] static Kvm FromFd(UniqueFd fd) { return Kvm(std::move(fd)); }

  // KVM_GET_API_VERSION: 12 on every kernel since 2.6.22.
  [[nodiscard]] absl::StatusOr<int> GetApiVersion() const;
  // KVM_CHECK_EXTENSION: 0 if `cap` is absent, else a positive number with a meaning of the
  // capability's own. Some capabilities depend on the VM: ask Vm::CheckExtension for those.
  [[nodiscard]] absl::StatusOr<int> CheckExtension(uint32_t cap) const;
  // KVM_GET_VCPU_MMAP_SIZE: bytes of the area that a vCPU shares with user space.
  [[nodiscard]] absl::StatusOr<size_t> GetVcpuMmapSize() const;
  // KVM_CHECK_EXTENSION(KVM_CAP_NR_VCPUS): the recommended number of vCPUs, 4 where the kernel does
  // not say.
  [[nodiscard]] absl::StatusOr<int> GetRecommendedVcpus() const;
  // KVM_CHECK_EXTENSION(KVM_CAP_MAX_VCPUS): the most vCPUs, the recommended number where the kernel
  // does not say.
  [[nodiscard]] absl::StatusOr<int> GetMaxVcpus() const;
  // KVM_CHECK_EXTENSION(KVM_CAP_MAX_VCPU_ID): the bound of vCPU ids, GetMaxVcpus() where the kernel
  // does not say.
  [[nodiscard]] absl::StatusOr<int> GetMaxVcpuId() const;
  // KVM_CHECK_EXTENSION(KVM_CAP_NR_MEMSLOTS): memory slots of a VM, 32 where the kernel does not
  // say.
  [[nodiscard]] absl::StatusOr<int> GetMaxMemslots() const;

  // KVM_GET_SUPPORTED_CPUID (KVM_CAP_EXT_CPUID): what a guest's CPUID may show.
  [[nodiscard]] absl::StatusOr<Cpuid> GetSupportedCpuid() const;
  // KVM_GET_EMULATED_CPUID (KVM_CAP_EXT_EMUL_CPUID): features that KVM emulates though the CPU
  // lacks them.
  [[nodiscard]] absl::StatusOr<Cpuid> GetEmulatedCpuid() const;
  // KVM_GET_SUPPORTED_HV_CPUID (KVM_CAP_SYS_HYPERV_CPUID, Linux 5.11): the Hyper-V leaves that KVM
  // can serve. ENOTTY without Hyper-V emulation.
  [[nodiscard]] absl::StatusOr<Cpuid> GetSupportedHvCpuid() const;

  // KVM_GET_MSR_INDEX_LIST: the MSRs that a guest has and that are worth saving.
  [[nodiscard]] absl::StatusOr<MsrList> GetMsrIndexList() const;
  // KVM_GET_MSR_FEATURE_INDEX_LIST (KVM_CAP_GET_MSR_FEATURES): MSRs that describe features of the
  // host.
  [[nodiscard]] absl::StatusOr<MsrList> GetMsrFeatureIndexList() const;
  // KVM_GET_MSRS on the system descriptor: fills in the feature MSRs that `msrs` names. Reading
  // fewer is an error.
  [[nodiscard]] absl::Status GetMsrs(Msrs& msrs) const;
  // KVM_X86_GET_MCE_CAP_SUPPORTED (KVM_CAP_MCE): the bits that Vcpu::SetupMce takes.
  [[nodiscard]] absl::StatusOr<uint64_t> GetMceCapSupported() const;

  // KVM_HAS_DEVICE_ATTR (KVM_CAP_SYS_ATTRIBUTES, Linux 5.17). ENXIO (NotFound): no such attribute.
  [[nodiscard]] absl::Status HasDeviceAttr(const kvm_device_attr& attr) const;
  // KVM_GET_DEVICE_ATTR: stores through attr.addr. KVM_X86_XCOMP_GUEST_SUPP: the XSAVE features
  // guests may have.
  [[nodiscard]] absl::Status GetDeviceAttr(const kvm_device_attr& attr) const;

  // KVM_CREATE_VM. `type` is KVM_X86_DEFAULT_VM or another bit number of KVM_CAP_VM_TYPES. EINVAL:
  // type not supported; EINTR: a signal came.
  [[nodiscard]] absl::StatusOr<Vm> CreateVm(uint64_t type = KVM_X86_DEFAULT_VM) const;

 private:
  explicit Kvm(UniqueFd fd) : IoctlFd(std::move(fd)) {}
  absl::StatusOr<int> CheckExtensionOr(uint32_t cap, int fallback) const;
};

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_KVM_H_
