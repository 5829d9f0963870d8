// Which of the guest's memory is known to be zero.
//
// TLFS: hypercalls/HvExtCallGetBootZeroedMemory.md.
#ifndef HVKIT_HYPERV_HOST_BOOT_ZEROED_MEMORY_H_
#define HVKIT_HYPERV_HOST_BOOT_ZEROED_MEMORY_H_

#include <cstddef>
#include <span>

#include "hyperv/tlfs/hypercall_ext.h"

namespace hvkit::hyperv {

// Thread-safe.
class BootZeroedMemory {
 public:
  virtual ~BootZeroedMemory() = default;

  // Fills `ranges` from the front, largest first, and returns how many it has filled: every byte of
  // them that is RAM reads as zero at the moment of the call.
  virtual size_t Ranges(std::span<tlfs::BootZeroedRange> ranges) const = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_BOOT_ZEROED_MEMORY_H_
