// Turns for virtual processors: kicks at once, and deadlines in reference time by one timerfd per
// VP.
//
// One thread of its own waits for all timers with epoll; it sleeps unless a timer expires, so the
// cost is that of the deadlines that come true, whatever the number of idle VPs. An expiry kicks
// the VP's thread, which calls VirtualProcessor::Poll; nothing of the model runs here. Sources:
// timerfd_create(2), epoll(7).
#ifndef HVKIT_VCPU_HYPERV_KVM_TIMERFD_SCHEDULER_H_
#define HVKIT_VCPU_HYPERV_KVM_TIMERFD_SCHEDULER_H_

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/host/vp_scheduler.h"
#include "kvm_ioctls/unique_fd.h"

namespace hvkit::vcpu {

// *Thread-safe*: a mutex per VP, held for a system call at most and never around a kick. A deadline
// kicks only when the reference clock has reached it: a timer that comes early (the host's clocks
// differ by some parts per million) is set again for the rest.
class TimerfdScheduler final : public hyperv::VpScheduler {
 public:
  // Makes the VP's thread call Poll before it enters the guest again (VcpuThread::Kick). From any
  // thread; must not block.
  using KickVp = std::function<void(hyperv::VpIndex)>;

  // For VP 0 to vp_count - 1. `clock` outlives the scheduler. Errors: no descriptors or threads
  // left.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<TimerfdScheduler>> Create(
      uint32_t vp_count, const hyperv::ReferenceClock& clock, KickVp kick);
  // Ends and joins the thread; no kick comes after it.
  ~TimerfdScheduler() override;
  TimerfdScheduler(const TimerfdScheduler&) = delete;
  TimerfdScheduler& operator=(const TimerfdScheduler&) = delete;

  void Kick(hyperv::VpIndex vp) override;
  void SetDeadline(hyperv::VpIndex vp, std::optional<hyperv::RefTime> deadline) override;
  // The latest time at which a deadline of the VP was found to be met since the last call; the
  // beginning of time if none was. Who polls the VP polls with no earlier one: its own clock may
  // read a little less than the other processor's did, and a met deadline is not waited for again.
  // Below vp_count.
  [[nodiscard]] hyperv::RefTime TakeReached(hyperv::VpIndex vp);

  // For a partition whose reference time stands still: no timer runs, deadlines are kept.
  void Suspend();
  // Runs the timers again, by what the clock says now.
  void Resume();

 private:
  struct Slot {
    absl::Mutex mutex;
    std::optional<hyperv::RefTime> deadline ABSL_GUARDED_BY(mutex);
    bool suspended ABSL_GUARDED_BY(mutex) = false;
    bool armed ABSL_GUARDED_BY(mutex) = false;
    std::atomic<uint64_t> reached{0};  // in ticks; written under the mutex
    kvm::UniqueFd timer;
  };

  TimerfdScheduler(uint32_t vp_count, const hyperv::ReferenceClock& clock, KickVp kick);

  absl::Status Open();
  absl::Status Watch(int fd, uint64_t tag);
  static void* ThreadMain(void* self);
  void WaitForTimers();
  void OnExpiry(uint32_t vp);
  // Sets the timer for what is left until the deadline. True when nothing is: the deadline is met
  // and forgotten, and the caller kicks the VP.
  bool Arm(Slot& slot) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(slot.mutex);
  static void Disarm(Slot& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(slot.mutex);

  const hyperv::ReferenceClock& clock_;
  const KickVp kick_;
  std::vector<std::unique_ptr<Slot>> slots_;  // immutable after Create
  kvm::UniqueFd epoll_;
  kvm::UniqueFd stop_;  // an eventfd
  pthread_t thread_{};
  bool started_ = false;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_TIMERFD_SCHEDULER_H_
