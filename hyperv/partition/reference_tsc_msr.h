// The register with which a guest places its reference TSC page.
//
// TLFS: timers.md "Reference Time Stamp Counter (TSC) Page Register". The page's contents are
// hyperv/reference_time's.
#ifndef HVKIT_HYPERV_PARTITION_REFERENCE_TSC_MSR_H_
#define HVKIT_HYPERV_PARTITION_REFERENCE_TSC_MSR_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/reference_time/reference_tsc_page.h"
#include "hyperv/tlfs/msr.h"

namespace hvkit::hyperv {

// HV_X64_MSR_REFERENCE_TSC. Thread-safe.
class ReferenceTscMsr {
 public:
  ReferenceTscMsr(const ReferenceClock& clock, OverlayMap& overlays) : page_(clock, overlays) {}

  // The register, as last written. A write puts the page where the register says, or away.
  uint64_t Read() const { return value_.load(std::memory_order_relaxed); }
  void Write(uint64_t value) {
    const absl::MutexLock lock(&mutex_);
    value_.store(value, std::memory_order_relaxed);
    if (tlfs::ReferenceTsc::Enable::Get(tlfs::ReferenceTsc{value}) != 0) {
      page_.Enable(Gpn::Containing(Gpa(value)));
    } else {
      page_.Disable();
    }
  }
  // The clock's parameters have changed; the page is written anew if it is enabled.
  void Republish() {
    const absl::MutexLock lock(&mutex_);
    page_.Republish();
  }
  // The page goes away.
  void Reset() { Write(0); }

 private:
  absl::Mutex mutex_;  // Held to write
  std::atomic<uint64_t> value_{0};
  ReferenceTscPage page_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_REFERENCE_TSC_MSR_H_
