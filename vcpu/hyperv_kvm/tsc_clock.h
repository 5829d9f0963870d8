// Reference time by the guest's time stamp counter: scale and offset, the very ones of the
// reference TSC page, over the host's TSC plus the offset that KVM gives the guest. Never another
// clock, so that TIME_REF_COUNT and the page agree to the unit. Sources: TLFS timers.md, "Partition
// Reference Time Stamp Counter Page"; KVM_VCPU_TSC_OFFSET in the kernel's KVM API documentation.
//
// It holds for guests whose TSC is not scaled (KVM_SET_TSC_KHZ with another frequency than the
// host's). Reading the host's TSC and asking KVM whether it can be relied on are passed in. A guest
// that makes its TSC wrap makes its reference time jump back.
#ifndef HVKIT_VCPU_HYPERV_KVM_TSC_CLOCK_H_
#define HVKIT_VCPU_HYPERV_KVM_TSC_CLOCK_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"

namespace hvkit::vcpu {

// The processor's TSC, read after all earlier loads of this thread.
uint64_t ReadHostTsc();

// *Thread-safe*: Now() takes no lock; a mutex is for changes and InvariantTsc(). Time starts at 0
// and runs when the object is made.
class TscClock final : public hyperv::ReferenceClock {
 public:
  // Gives the host's TSC.
  using ReadTsc = uint64_t (*)();
  // Whether the guest's TSC counts steadily and alike on all processors. Asked when parameters are
  // wanted, until the answer is yes: KVM says so only once vCPUs have run (KVM_GET_CLOCK), and not
  // for a moment after a guest has moved its TSC, which MoveTsc knows better.
  using IsStable = std::function<bool()>;

  // `scale` is that of the guest's TSC (hyperv/reference_time/tsc_scale.h). `tsc_offsets` are those
  // of VP 0, 1, ...: guest TSC minus host TSC.
  TscClock(uint64_t scale, std::vector<uint64_t> tsc_offsets, IsStable is_stable,
           ReadTsc read_tsc = ReadHostTsc);

  hyperv::RefTime Now() const override;
  // Nothing while frozen, too: the guest's TSC goes on then.
  std::optional<hyperv::TscParameters> InvariantTsc() const override ABSL_LOCKS_EXCLUDED(mutex_);

  // A VP's TSC was moved. Whether the reference TSC page has to be published anew: the parameters
  // changed, or there are none any more because the TSCs of VPs differ.
  [[nodiscard]] bool MoveTsc(hyperv::VpIndex vp, uint64_t tsc_offset) ABSL_LOCKS_EXCLUDED(mutex_);

  // Time stands still from Freeze to Thaw, for a partition whose VPs are paused; again without
  // effect. After Thaw, and before VPs run, the reference TSC page must be published anew.
  void Freeze() ABSL_LOCKS_EXCLUDED(mutex_);
  void Thaw() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Parameters {
    uint64_t tsc_offset;
    uint64_t offset;
    uint64_t frozen_at;  // kRunning or the time
  };
  static constexpr uint64_t kRunning = ~uint64_t{0};

  [[nodiscard]] uint64_t TimeAt(const Parameters& parameters, uint64_t host_tsc) const;
  // The offset with which it is `time` when the host's TSC is `host_tsc`.
  [[nodiscard]] uint64_t OffsetFor(uint64_t time, uint64_t tsc_offset, uint64_t host_tsc) const;
  [[nodiscard]] uint64_t NotBeforeLatest(uint64_t time) const;
  [[nodiscard]] Parameters Load() const;
  void Store(const Parameters& parameters) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] bool VpsAgree() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint64_t scale_;
  const IsStable is_stable_;
  const ReadTsc read_tsc_;

  mutable absl::Mutex mutex_;
  std::vector<uint64_t> tsc_offsets_ ABSL_GUARDED_BY(mutex_);

  // The parameters in force, as a sequence lock: odd while they change.
  std::atomic<uint64_t> sequence_{0};
  std::atomic<uint64_t> tsc_offset_{0};
  std::atomic<uint64_t> offset_{0};
  std::atomic<uint64_t> frozen_at_{kRunning};

  // While KVM does not call the TSC stable, Now() keeps to the latest time given.
  mutable std::atomic<bool> stable_{false};
  mutable std::atomic<uint64_t> latest_{0};
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_TSC_CLOCK_H_
