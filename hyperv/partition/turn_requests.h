// What the parts of a virtual processor have asked the host's scheduler for, remembered on the way,
// so that a turn with nothing to do looks at one cache line.
#ifndef HVKIT_HYPERV_PARTITION_TURN_REQUESTS_H_
#define HVKIT_HYPERV_PARTITION_TURN_REQUESTS_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/vp_scheduler.h"

namespace hvkit::hyperv {

// The scheduler of one VP's parts. VP thread, save Kick: any thread.
class TurnRequests final : public VpScheduler {
 public:
  // `host` outlives this object.
  explicit TurnRequests(VpScheduler& host) : host_(host) {}

  // Whether the VP has something to do now; the kicks so far are then answered. Who kicks has
  // written what there is to do before.
  bool Take(RefTime now) {
    if (now < deadline_ && !kicked_.load(std::memory_order_relaxed)) return false;
    kicked_.exchange(false, std::memory_order_acq_rel);
    return true;
  }

  // VpScheduler:
  void Kick(VpIndex vp) override {
    kicked_.store(true, std::memory_order_release);
    host_.Kick(vp);
  }
  void SetDeadline(VpIndex vp, std::optional<RefTime> deadline) override {
    deadline_ = deadline.value_or(kNever);
    host_.SetDeadline(vp, deadline);
  }

 private:
  static constexpr RefTime kNever{std::numeric_limits<uint64_t>::max()};

  VpScheduler& host_;
  RefTime deadline_ = kNever;
  std::atomic<bool> kicked_{false};
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_TURN_REQUESTS_H_
