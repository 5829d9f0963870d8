#include "kvm_ioctls/dirty_ring.h"

#include <atomic>
#include <utility>

namespace hvkit::kvm {

DirtyRing::DirtyRing(Mapping ring)
    : ring_(std::move(ring)), size_(ring_.size() / sizeof(kvm_dirty_gfn)) {}

std::optional<DirtyRing::Page> DirtyRing::Pop() {
  if (size_ == 0) {
    return std::nullopt;
  }
  kvm_dirty_gfn& entry = static_cast<kvm_dirty_gfn*>(ring_.address())[next_ % size_];
  std::atomic_ref<__u32> flags(entry.flags);
  // The kernel sets DIRTY after slot and offset; RESET hands the entry back to it.
  if (flags.load(std::memory_order_acquire) != KVM_DIRTY_GFN_F_DIRTY) {
    return std::nullopt;
  }
  const Page page{entry.slot, entry.offset};
  flags.store(KVM_DIRTY_GFN_F_RESET, std::memory_order_release);
  ++next_;
  return page;
}

}  // namespace hvkit::kvm
