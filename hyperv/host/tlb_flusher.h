// How the TLBs of other virtual processors are flushed for a guest.
//
// TLFS: virtual-mmu.md "Virtual Address Translation", hypercalls/HvCallFlushVirtualAddressSpace.md
// and its three relatives.
#ifndef HVKIT_HYPERV_HOST_TLB_FLUSHER_H_
#define HVKIT_HYPERV_HOST_TLB_FLUSHER_H_

#include <cstdint>
#include <optional>
#include <span>

#include "hyperv/host/ids.h"
#include "hyperv/host/vp_set.h"

namespace hvkit::hyperv {

// Who waits is told: the call is over, or is to be made again.
enum class [[nodiscard]] Progress : uint8_t {
  kDone,
  kAgain,  // The guest executes the same instruction again; interrupts come first
};

// What is to be gone. A host may always flush more.
struct TlbFlush {
  VpIndex caller;
  const VpSet& vps;  // May hold the caller, and VPs that are halted or not yet started
  // The page tables whose translations go (a CR3); nothing: those of all address spaces.
  std::optional<uint64_t> address_space;
  bool keeps_global = false;  // Global translations may stay
  // Empty: all addresses. Else tlfs::GvaRange words as the guest wrote them, which are not checked,
  // or, with `extended`, tlfs::ExtendedGvaRange words.
  std::span<const uint64_t> ranges = {};
  bool extended = false;
};

// What a VMM implements over its VPs. VP thread: each VP calls on its own; several may call at
// once, also with each other as targets, and none may wait for another's call to end.
class TlbFlusher {
 public:
  virtual ~TlbFlusher() = default;

  // kDone: no VP of the set uses a translation from before this call any more.
  virtual Progress Flush(const TlbFlush& flush) = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_TLB_FLUSHER_H_
