#include "vcpu/hyperv_kvm/timerfd_scheduler.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "kvm_ioctls/errno.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vcpu {
namespace {

using hyperv::RefDuration;
using hyperv::RefTime;
using hyperv::VpIndex;

constexpr uint64_t kStopTag = ~uint64_t{0};
constexpr size_t kEventsAtOnce = 16;
constexpr uint64_t kNanosecondsPerTick = 100;
// A deadline further away is waited for in parts.
constexpr RefDuration kLongestWait{RefDuration::kTicksPerSecond * 3600 * 24};

absl::Status LastError(const char* what) { return kvm::ErrnoToStatus(kvm::Errno::Last(), what); }

itimerspec OneShot(RefDuration wait) {
  const uint64_t ticks = std::min(wait, kLongestWait).ticks();
  const uint64_t subsecond = ticks % RefDuration::kTicksPerSecond * kNanosecondsPerTick;
  itimerspec spec{};
  spec.it_value.tv_sec = static_cast<time_t>(ticks / RefDuration::kTicksPerSecond);
  spec.it_value.tv_nsec = static_cast<decltype(spec.it_value.tv_nsec)>(subsecond);
  return spec;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TimerfdScheduler>> TimerfdScheduler::Create(
    uint32_t vp_count, const hyperv::ReferenceClock& clock, KickVp kick) {
  std::unique_ptr<TimerfdScheduler> scheduler(
      new TimerfdScheduler(vp_count, clock, std::move(kick)));
  HVKIT_RETURN_IF_ERROR(scheduler->Open());
  return scheduler;
}

TimerfdScheduler::TimerfdScheduler(uint32_t vp_count, const hyperv::ReferenceClock& clock,
                                   KickVp kick)
    : clock_(clock), kick_(std::move(kick)) {
  slots_.reserve(vp_count);
  for (uint32_t i = 0; i < vp_count; ++i) slots_.push_back(std::make_unique<Slot>());
}

TimerfdScheduler::~TimerfdScheduler() {
  if (!started_) return;
  ::eventfd_write(stop_.get(), 1);
  ::pthread_join(thread_, nullptr);
}

absl::Status TimerfdScheduler::Open() {
  epoll_.Reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return LastError("epoll_create1");
  stop_.Reset(::eventfd(0, EFD_CLOEXEC));
  if (!stop_.valid()) return LastError("eventfd");
  HVKIT_RETURN_IF_ERROR(Watch(stop_.get(), kStopTag));
  for (size_t vp = 0; vp < slots_.size(); ++vp) {
    kvm::UniqueFd& timer = slots_[vp]->timer;
    timer.Reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer.valid()) return LastError("timerfd_create");
    HVKIT_RETURN_IF_ERROR(Watch(timer.get(), vp));
  }
  const int error = ::pthread_create(&thread_, nullptr, ThreadMain, this);
  if (error != 0) return kvm::ErrnoToStatus(kvm::Errno(error), "pthread_create for deadlines");
  started_ = true;
  return absl::OkStatus();
}

absl::Status TimerfdScheduler::Watch(int fd, uint64_t tag) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = tag}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return absl::OkStatus();
  return LastError("epoll_ctl");
}

void TimerfdScheduler::Kick(VpIndex vp) {
  if (vp.value() < slots_.size()) kick_(vp);
}

void TimerfdScheduler::SetDeadline(VpIndex vp, std::optional<RefTime> deadline) {
  if (vp.value() >= slots_.size()) return;
  Slot& slot = *slots_[vp.value()];
  bool met;
  {
    absl::MutexLock lock(&slot.mutex);
    if (slot.deadline == deadline) return;
    slot.deadline = deadline;
    met = Arm(slot);
  }
  if (met) kick_(vp);
}

RefTime TimerfdScheduler::TakeReached(VpIndex vp) {
  return RefTime(slots_[vp.value()]->reached.exchange(0, std::memory_order_acq_rel));
}

void TimerfdScheduler::Suspend() {
  for (const std::unique_ptr<Slot>& slot : slots_) {
    absl::MutexLock lock(&slot->mutex);
    slot->suspended = true;
    Disarm(*slot);
  }
}

void TimerfdScheduler::Resume() {
  for (uint32_t vp = 0; vp < slots_.size(); ++vp) {
    Slot& slot = *slots_[vp];
    bool met;
    {
      absl::MutexLock lock(&slot.mutex);
      slot.suspended = false;
      met = Arm(slot);
    }
    if (met) kick_(VpIndex(vp));
  }
}

void* TimerfdScheduler::ThreadMain(void* self) {
  static_cast<TimerfdScheduler*>(self)->WaitForTimers();
  return nullptr;
}

void TimerfdScheduler::WaitForTimers() {
  std::array<epoll_event, kEventsAtOnce> events;
  for (;;) {
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const uint64_t tag = events[static_cast<size_t>(i)].data.u64;
      if (tag == kStopTag) return;
      OnExpiry(static_cast<uint32_t>(tag));
    }
  }
}

void TimerfdScheduler::OnExpiry(uint32_t vp) {
  Slot& slot = *slots_[vp];
  bool met;
  {
    absl::MutexLock lock(&slot.mutex);
    uint64_t expirations;
    // Fails when the timer was set anew since.
    if (::read(slot.timer.get(), &expirations, sizeof(expirations)) < 0) return;
    slot.armed = false;
    met = Arm(slot);
  }
  if (met) kick_(VpIndex(vp));
}

bool TimerfdScheduler::Arm(Slot& slot) const {
  if (!slot.deadline.has_value() || slot.suspended) {
    Disarm(slot);
    return false;
  }
  const RefTime now = clock_.Now();
  if (*slot.deadline <= now) {
    slot.deadline.reset();
    slot.reached.store(now.ticks(), std::memory_order_release);
    Disarm(slot);
    return true;
  }
  const itimerspec spec = OneShot(*slot.deadline - now);
  ::timerfd_settime(slot.timer.get(), 0, &spec, nullptr);
  slot.armed = true;
  return false;
}

void TimerfdScheduler::Disarm(Slot& slot) {
  if (!slot.armed) return;
  const itimerspec none{};
  ::timerfd_settime(slot.timer.get(), 0, &none, nullptr);
  slot.armed = false;
}

}  // namespace hvkit::vcpu
