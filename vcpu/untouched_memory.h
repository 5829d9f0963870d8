// Which RAM nobody has touched, as HvExtCallGetBootZeroedMemory tells it. Sources: TLFS
// hypercalls/HvExtCallGetBootZeroedMemory.md; lseek(2), SEEK_HOLE and SEEK_DATA.
//
// RAM that was never accessed has no page in the memfd, whoever might have accessed it: the guest,
// KVM, a loader or a device. A page that was only read has one, and is not told; nor is one that
// was cleared.
#ifndef HVKIT_VCPU_UNTOUCHED_MEMORY_H_
#define HVKIT_VCPU_UNTOUCHED_MEMORY_H_

#include <cstddef>
#include <span>

#include "hyperv/host/boot_zeroed_memory.h"
#include "hyperv/tlfs/hypercall_ext.h"
#include "vcpu/guest_memory.h"

namespace hvkit::vcpu {

// Thread-safe. What a guest's own VPs touch at the same time may be told or not.
class UntouchedMemory final : public hyperv::BootZeroedMemory {
 public:
  // A guest that touches every other page makes no call longer than this many gaps take.
  static constexpr size_t kMaxGaps = 4096;

  // `memory` outlives the object.
  explicit UntouchedMemory(const GuestMemory& memory) : memory_(memory) {}

  // The largest ones of the first kMaxGaps.
  size_t Ranges(std::span<hyperv::tlfs::BootZeroedRange> ranges) const override;

 private:
  const GuestMemory& memory_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_UNTOUCHED_MEMORY_H_
