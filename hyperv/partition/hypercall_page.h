// The hypercall interface as MSRs: the guest's identity and the page of code through which it
// calls.
//
// TLFS: hypercall-interface.md "Reporting the Guest OS Identity" and "Establishing the Hypercall
// Interface". What a call does is not here.
#ifndef HVKIT_HYPERV_PARTITION_HYPERCALL_PAGE_H_
#define HVKIT_HYPERV_PARTITION_HYPERCALL_PAGE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "hyperv/host/ids.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/partition/partition_config.h"
#include "hyperv/tlfs/msr.h"

namespace hvkit::hyperv {

// Whether the partition offers locking (leaf 0x40000003, EDX bit 18); where it does not, the bit is
// a preserved one.
enum class HypercallLock : uint8_t { kAbsent, kOffered };

// HV_X64_MSR_GUEST_OS_ID and HV_X64_MSR_HYPERCALL. Thread-safe: any VP may read and write both.
class HypercallPage {
 public:
  HypercallPage(OverlayMap& overlays, const HypercallCode& code, HypercallLock lock);

  uint64_t guest_os_id() const { return guest_os_id_.load(std::memory_order_relaxed); }
  // Zero disables the page.
  void WriteGuestOsId(uint64_t value);

  uint64_t hypercall() const { return hypercall_.load(std::memory_order_relaxed); }
  // Without a guest OS id the enable bit stays 0. Faults when the page has no RAM below it, and
  // when the register is locked.
  MsrOutcome WriteHypercall(uint64_t value);

  // Where the guest sees the page now.
  std::optional<Gpn> page() const;

  // Unlocks too.
  void Reset();

 private:
  bool IsLocked() const;
  [[nodiscard]] bool Show(tlfs::HypercallMsr value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void HideLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const HypercallLock lock_;
  std::array<std::byte, kPageSize> code_;

  absl::Mutex mutex_;  // Held to write, but for an id that is not 0
  std::atomic<uint64_t> guest_os_id_{0};
  std::atomic<uint64_t> hypercall_{0};
  OverlayPage overlay_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_HYPERCALL_PAGE_H_
