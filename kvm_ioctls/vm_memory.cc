#include "kvm_ioctls/vm_memory.h"

namespace hvkit::kvm {

absl::Status VmMemory::SetUserMemoryRegion(const kvm_userspace_memory_region& region) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_USER_MEMORY_REGION), &region,
               {{"slot", region.slot},
                {"flags", region.flags},
                {"gpa", region.guest_phys_addr},
                {"size", region.memory_size}});
}

absl::Status VmMemory::SetUserMemoryRegion2(const kvm_userspace_memory_region2& region) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_USER_MEMORY_REGION2), &region,
               {{"slot", region.slot},
                {"flags", region.flags},
                {"gpa", region.guest_phys_addr},
                {"size", region.memory_size}});
}

absl::StatusOr<UniqueFd> VmMemory::CreateGuestMemfd(const kvm_create_guest_memfd& args) const {
  return NewFd(HVKIT_IOCTL_ID(KVM_CREATE_GUEST_MEMFD), reinterpret_cast<unsigned long>(&args),
               {{"size", args.size}, {"flags", args.flags}});
}

absl::Status VmMemory::SetMemoryAttributes(const kvm_memory_attributes& attributes) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_MEMORY_ATTRIBUTES), &attributes,
               {{"gpa", attributes.address},
                {"size", attributes.size},
                {"attributes", attributes.attributes}});
}

absl::Status VmMemory::SetTssAddr(uint64_t address) const {
  return Do(HVKIT_IOCTL_ID(KVM_SET_TSS_ADDR), address, {{"address", address}});
}

absl::Status VmMemory::SetIdentityMapAddr(uint64_t address) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_IDENTITY_MAP_ADDR), &address, {{"address", address}});
}

absl::Status VmMemory::GetDirtyLog(uint32_t slot, std::span<uint64_t> bitmap) const {
  kvm_dirty_log log{};
  log.slot = slot;
  log.dirty_bitmap = bitmap.data();
  return DoPtr(HVKIT_IOCTL_ID(KVM_GET_DIRTY_LOG), &log, {{"slot", slot}});
}

absl::Status VmMemory::ClearDirtyLog(uint32_t slot, uint64_t first_page, uint32_t num_pages,
                                     std::span<const uint64_t> bitmap) const {
  kvm_clear_dirty_log log{};
  log.slot = slot;
  log.first_page = first_page;
  log.num_pages = num_pages;
  log.dirty_bitmap = const_cast<uint64_t*>(bitmap.data());  // the kernel only reads it
  return DoPtr(HVKIT_IOCTL_ID(KVM_CLEAR_DIRTY_LOG), &log,
               {{"slot", slot}, {"first_page", first_page}, {"num_pages", num_pages}});
}

absl::StatusOr<int> VmMemory::ResetDirtyRings() const {
  return Call(HVKIT_IOCTL_ID(KVM_RESET_DIRTY_RINGS), 0);
}

absl::Status VmMemory::RegisterCoalescedMmio(const kvm_coalesced_mmio_zone& zone) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_REGISTER_COALESCED_MMIO), &zone,
               {{"addr", zone.addr}, {"size", zone.size}, {"pio", zone.pio}});
}

absl::Status VmMemory::UnregisterCoalescedMmio(const kvm_coalesced_mmio_zone& zone) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_UNREGISTER_COALESCED_MMIO), &zone,
               {{"addr", zone.addr}, {"size", zone.size}, {"pio", zone.pio}});
}

absl::Status VmMemory::EncryptOp(kvm_sev_cmd& command) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_MEMORY_ENCRYPT_OP), &command, {{"id", command.id}});
}

absl::Status VmMemory::CanEncrypt() const { return Do(HVKIT_IOCTL_ID(KVM_MEMORY_ENCRYPT_OP), 0); }

absl::Status VmMemory::RegisterEncryptedRegion(const kvm_enc_region& region) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_MEMORY_ENCRYPT_REG_REGION), &region,
               {{"addr", region.addr}, {"size", region.size}});
}

absl::Status VmMemory::UnregisterEncryptedRegion(const kvm_enc_region& region) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_MEMORY_ENCRYPT_UNREG_REGION), &region,
               {{"addr", region.addr}, {"size", region.size}});
}

}  // namespace hvkit::kvm
