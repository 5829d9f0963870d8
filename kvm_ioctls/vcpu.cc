#include "kvm_ioctls/vcpu.h"

#include <unistd.h>

#include <algorithm>

#include "kvm_ioctls/enable_cap.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::kvm {
namespace {

off_t PageOffset(long pages) { return pages * ::sysconf(_SC_PAGESIZE); }

}  // namespace

absl::StatusOr<Vcpu> Vcpu::FromFd(UniqueFd fd, size_t run_size, size_t xsave_size) {
  HVKIT_ASSIGN_OR_RETURN(Mapping mapping, Mapping::Map(fd.get(), 0, run_size, "kvm_run"));
  return Vcpu(std::move(fd), std::move(mapping), std::max(sizeof(kvm_xsave), xsave_size));
}

absl::Status Vcpu::EnableCap(const kvm_enable_cap& cap) const {
  return internal::EnableCap(fd(), cap);
}

absl::Status Vcpu::EnableCap(uint32_t cap, uint64_t argument) const {
  return internal::EnableCap(fd(), internal::MakeEnableCap(cap, argument));
}

absl::Status Vcpu::Interrupt(uint32_t vector) const {
  const kvm_interrupt interrupt{vector};
  return DoPtr(HVKIT_IOCTL_ID(KVM_INTERRUPT), &interrupt, {{"vector", vector}});
}

absl::Status Vcpu::Nmi() const { return Do(HVKIT_IOCTL_ID(KVM_NMI), 0); }

absl::Status Vcpu::Smi() const { return Do(HVKIT_IOCTL_ID(KVM_SMI), 0); }

absl::Status Vcpu::SetupMce(uint64_t mcg_cap) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_X86_SETUP_MCE), &mcg_cap, {{"mcg_cap", mcg_cap}});
}

absl::Status Vcpu::SetMce(const kvm_x86_mce& mce) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_X86_SET_MCE), &mce, {{"bank", mce.bank}, {"status", mce.status}});
}

absl::StatusOr<kvm_translation> Vcpu::Translate(uint64_t linear_address) const {
  kvm_translation translation{};
  translation.linear_address = linear_address;
  HVKIT_RETURN_IF_ERROR(
      DoPtr(HVKIT_IOCTL_ID(KVM_TRANSLATE), &translation, {{"linear_address", linear_address}}));
  return translation;
}

absl::Status Vcpu::SetGuestDebug(const kvm_guest_debug& debug) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_GUEST_DEBUG), &debug, {{"control", debug.control}});
}

absl::Status Vcpu::KvmclockCtrl() const { return Do(HVKIT_IOCTL_ID(KVM_KVMCLOCK_CTRL), 0); }

absl::Status Vcpu::SetSignalMask(const SignalMask& mask) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_SIGNAL_MASK), mask.get(), {{"len", mask.size()}});
}

absl::Status Vcpu::TprAccessReporting(bool enabled) const {
  kvm_tpr_access_ctl control{};
  control.enabled = enabled ? 1 : 0;
  return DoPtr(HVKIT_IOCTL_ID(KVM_TPR_ACCESS_REPORTING), &control, {{"enabled", control.enabled}});
}

absl::StatusOr<UniqueFd> Vcpu::GetStatsFd() const {
  return NewFd(HVKIT_IOCTL_ID(KVM_GET_STATS_FD), 0);
}

absl::StatusOr<DirtyRing> Vcpu::MapDirtyRing(size_t bytes) const {
  HVKIT_ASSIGN_OR_RETURN(
      Mapping ring, Mapping::Map(fd(), PageOffset(KVM_DIRTY_LOG_PAGE_OFFSET), bytes, "dirty ring"));
  return DirtyRing(std::move(ring));
}

std::optional<kvm_coalesced_mmio> Vcpu::PopCoalescedMmio() {
  const auto offset = static_cast<size_t>(PageOffset(KVM_COALESCED_MMIO_PAGE_OFFSET));
  const auto page_size = static_cast<size_t>(PageOffset(1));
  if (offset + page_size > mapping_.size()) {
    return std::nullopt;
  }
  auto* ring = reinterpret_cast<kvm_coalesced_mmio_ring*>(
      static_cast<std::byte*>(mapping_.address()) + offset);
  const auto capacity =
      static_cast<uint32_t>((page_size - sizeof(*ring)) / sizeof(kvm_coalesced_mmio));
  std::atomic_ref<__u32> first(ring->first);
  const uint32_t index = first.load(std::memory_order_relaxed);
  // The kernel publishes an entry by advancing `last` after it.
  if (index == std::atomic_ref<__u32>(ring->last).load(std::memory_order_acquire) ||
      index >= capacity) {
    return std::nullopt;
  }
  const kvm_coalesced_mmio entry = reinterpret_cast<kvm_coalesced_mmio*>(ring + 1)[index];
  first.store((index + 1) % capacity, std::memory_order_release);
  return entry;
}

}  // namespace hvkit::kvm
