// A vCPU's dirty ring (KVM_CAP_DIRTY_LOG_RING): the pages that the guest wrote, in order, in memory
// shared with the kernel. Harvest the rings, then Vm::ResetDirtyRings(). Source: the kernel's KVM
// API documentation, "KVM_CAP_DIRTY_LOG_RING".
#ifndef HVKIT_KVM_IOCTLS_DIRTY_RING_H_
#define HVKIT_KVM_IOCTLS_DIRTY_RING_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/mapping.h"

namespace hvkit::kvm {

// One harvesting thread at a time, which may be another than the vCPU's.
class DirtyRing {
 public:
  // An array of kvm_dirty_gfn; its size is a power of two.
  explicit DirtyRing(Mapping ring);

  // A page that the guest has written.
  struct Page {
    uint32_t slot;
    uint64_t offset;  // in pages from the start of the slot
  };
  // The next dirty page, marked as harvested; nothing when there is none.
  std::optional<Page> Pop();
  // Entries in the ring.
  size_t size() const { return size_; }

 private:
  Mapping ring_;
  size_t size_;
  size_t next_ = 0;
};

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_DIRTY_RING_H_
