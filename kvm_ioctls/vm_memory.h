// A VM's guest memory: slots, dirty tracking, attributes, encryption. A base of Vm: use it through
// that.
#ifndef HVKIT_KVM_IOCTLS_VM_MEMORY_H_
#define HVKIT_KVM_IOCTLS_VM_MEMORY_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvm_ioctls/ioctl.h"
#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::kvm {

// *Thread-safe*: the kernel serialises.
class VmMemory : public IoctlFd {
 public:
  // KVM_SET_USER_MEMORY_REGION (KVM_CAP_USER_MEMORY): adds, changes or (memory_size 0) removes slot
  // region.slot. The memory at userspace_addr must stay mapped while the slot exists. EEXIST:
  // overlaps another slot; EINVAL: unaligned, or a size change.
  [[nodiscard]] absl::Status SetUserMemoryRegion(const kvm_userspace_memory_region& region) const;
  // KVM_SET_USER_MEMORY_REGION2 (KVM_CAP_USER_MEMORY2, Linux 6.8): the same, with guest_memfd.
  // ENOTTY before.
  [[nodiscard]] absl::Status SetUserMemoryRegion2(const kvm_userspace_memory_region2& region) const;
  // KVM_CREATE_GUEST_MEMFD (KVM_CAP_GUEST_MEMFD): memory that the host does not map. ENOTTY:
  // the kernel is built without; EINVAL: size or flags.
  [[nodiscard]] absl::StatusOr<UniqueFd> CreateGuestMemfd(const kvm_create_guest_memfd& args) const;
  // KVM_SET_MEMORY_ATTRIBUTES (KVM_CAP_MEMORY_ATTRIBUTES): makes a range private or shared.
  [[nodiscard]] absl::Status SetMemoryAttributes(const kvm_memory_attributes& attributes) const;

  // KVM_SET_TSS_ADDR (KVM_CAP_SET_TSS_ADDR): three pages below 4 GiB that VMX uses for real mode.
  // Before the first vCPU.
  [[nodiscard]] absl::Status SetTssAddr(uint64_t address) const;
  // KVM_SET_IDENTITY_MAP_ADDR (KVM_CAP_SET_IDENTITY_MAP_ADDR): one page, as above; 0 means
  // 0xfffbc000. EINVAL: a vCPU exists.
  [[nodiscard]] absl::Status SetIdentityMapAddr(uint64_t address) const;

  // KVM_GET_DIRTY_LOG: fetches the bitmap of a slot with KVM_MEM_LOG_DIRTY_PAGES, one bit a page,
  // and clears it unless KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 is enabled. `bitmap` must hold all pages
  // of the slot. ENOENT: the slot does not log; ENXIO: the VM uses a dirty ring.
  [[nodiscard]] absl::Status GetDirtyLog(uint32_t slot, std::span<uint64_t> bitmap) const;
  // KVM_CLEAR_DIRTY_LOG (KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 enabled): clears and write-protects the
  // pages set in `bitmap`, from first_page on. first_page and num_pages are multiples of 64, or
  // num_pages reaches the end of the slot.
  [[nodiscard]] absl::Status ClearDirtyLog(uint32_t slot, uint64_t first_page, uint32_t num_pages,
                                           std::span<const uint64_t> bitmap) const;
  // KVM_RESET_DIRTY_RINGS (KVM_CAP_DIRTY_LOG_RING): write-protects again what was harvested from
  // all vCPUs' rings (see dirty_ring.h); the number of pages. EINVAL: no ring is enabled.
  [[nodiscard]] absl::StatusOr<int> ResetDirtyRings() const;

  // KVM_REGISTER_COALESCED_MMIO (KVM_CAP_COALESCED_MMIO; zone.pio needs KVM_CAP_COALESCED_PIO):
  // writes to the zone go to a ring (Vcpu::PopCoalescedMmio) and do not exit.
  [[nodiscard]] absl::Status RegisterCoalescedMmio(const kvm_coalesced_mmio_zone& zone) const;
  // KVM_UNREGISTER_COALESCED_MMIO: undoes it for all zones inside `zone`.
  [[nodiscard]] absl::Status UnregisterCoalescedMmio(const kvm_coalesced_mmio_zone& zone) const;

  // KVM_MEMORY_ENCRYPT_OP: an SEV command; the firmware's own error is in command.error. ENOTTY: no
  // SEV.
  [[nodiscard]] absl::Status EncryptOp(kvm_sev_cmd& command) const;
  // KVM_MEMORY_ENCRYPT_OP with a null command: whether the VM can be encrypted at all. ENOTTY: no
  // SEV.
  [[nodiscard]] absl::Status CanEncrypt() const;
  // KVM_MEMORY_ENCRYPT_REG_REGION: pins memory that holds encrypted data. ENOTTY: the VM is not an
  // SEV guest.
  [[nodiscard]] absl::Status RegisterEncryptedRegion(const kvm_enc_region& region) const;
  // KVM_MEMORY_ENCRYPT_UNREG_REGION: unpins it. EINVAL: it was not registered.
  [[nodiscard]] absl::Status UnregisterEncryptedRegion(const kvm_enc_region& region) const;

 protected:
  using IoctlFd::IoctlFd;
  VmMemory(VmMemory&&) = default;
  VmMemory& operator=(VmMemory&&) = default;
  ~VmMemory() = default;
};

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_VM_MEMORY_H_
