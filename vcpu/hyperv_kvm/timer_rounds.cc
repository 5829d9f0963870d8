#include "vcpu/hyperv_kvm/timer_rounds.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/reference_time/tsc_scale.h"
#include "kvm_ioctls/errno.h"
#include "kvm_ioctls/status_macros.h"
#include "kvm_ioctls/unique_fd.h"
#include "vcpu/hyperv_kvm/timerfd_scheduler.h"
#include "vcpu/hyperv_kvm/tsc_clock.h"

namespace hvkit::vcpu {
namespace {

using benchmarks::PairedSamples;
using benchmarks::PairedSummary;
using benchmarks::RoundCounts;
using benchmarks::Side;
using hyperv::RefDuration;
using hyperv::RefTime;
using hyperv::VpIndex;

constexpr VpIndex kVp(0);
constexpr int64_t kNsPerTick = 100;
constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kWaitNs = 100'000;
constexpr uint64_t kAnyTscHz = 2'000'000'000;
constexpr RefDuration kHour{RefDuration::kTicksPerSecond * 3600};

int64_t MonotonicNs() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

itimerspec OneShot(int64_t ns) {
  itimerspec spec{};
  spec.it_value.tv_sec = ns / kNsPerSecond;
  spec.it_value.tv_nsec = ns % kNsPerSecond;
  return spec;
}

// Reference time that is CLOCK_MONOTONIC, so that both sides are late by one clock.
class MonotonicClock final : public hyperv::ReferenceClock {
 public:
  RefTime Now() const override {
    return RefTime(static_cast<uint64_t>(MonotonicNs() / kNsPerTick));
  }
  std::optional<hyperv::TscParameters> InvariantTsc() const override { return std::nullopt; }
};

absl::StatusOr<kvm::UniqueFd> CreateTimer() {
  kvm::UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  if (timer.valid()) return timer;
  return kvm::ErrnoToStatus(kvm::Errno::Last(), "timerfd_create");
}

// The lateness in ns of one deadline, or nothing.
std::optional<double> RawLateness(int timer) {
  const int64_t deadline = MonotonicNs() + kWaitNs;
  const itimerspec spec = OneShot(deadline);
  uint64_t expirations;
  if (::timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, nullptr) != 0) return std::nullopt;
  if (::read(timer, &expirations, sizeof(expirations)) < 0) return std::nullopt;
  return static_cast<double>(MonotonicNs() - deadline);
}

// Waits for kicks of a scheduler.
class KickTime {
 public:
  void Note() {
    ns_.store(MonotonicNs(), std::memory_order_release);
    ns_.notify_one();
  }
  double LatenessOfOne(TimerfdScheduler& scheduler) {
    ns_.store(0, std::memory_order_relaxed);
    const int64_t deadline = (MonotonicNs() + kWaitNs) / kNsPerTick;
    scheduler.SetDeadline(kVp, RefTime(static_cast<uint64_t>(deadline)));
    ns_.wait(0, std::memory_order_acquire);
    const int64_t kicked_at = ns_.load(std::memory_order_acquire);
    return static_cast<double>(kicked_at - deadline * kNsPerTick);
  }

 private:
  std::atomic<int64_t> ns_{0};
};

}  // namespace

absl::StatusOr<PairedSummary> RunArmRounds(const RoundCounts& counts) {
  const TscClock clock(*hyperv::ScaleOfTsc(kAnyTscHz), {0}, [] { return true; });
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<TimerfdScheduler> scheduler,
                         TimerfdScheduler::Create(1, clock, [](VpIndex) {}));
  HVKIT_ASSIGN_OR_RETURN(const kvm::UniqueFd timer, CreateTimer());
  RefTime deadline = clock.Now() + kHour;
  const auto raw = [fd = timer.get()](size_t count) {
    bool good = true;
    for (size_t i = 0; i < count && good; ++i) {
      const itimerspec spec = OneShot(3600 * kNsPerSecond + static_cast<int64_t>(i));
      good = ::timerfd_settime(fd, 0, &spec, nullptr) == 0;
    }
    return good;
  };
  const auto ours = [&](size_t count) {
    for (size_t i = 0; i < count; ++i) {
      deadline = deadline + RefDuration(1);
      scheduler->SetDeadline(kVp, deadline);
    }
    return true;
  };
  PairedSamples samples(counts);
  if (benchmarks::RunPaired(counts, raw, ours, samples)) return samples.Summarize();
  return kvm::ErrnoToStatus(kvm::Errno::Last(), "timerfd_settime");
}

absl::StatusOr<PairedSummary> RunLatenessRounds(const RoundCounts& counts) {
  const MonotonicClock clock;
  KickTime kick;
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<TimerfdScheduler> scheduler,
                         TimerfdScheduler::Create(1, clock, [&kick](VpIndex) { kick.Note(); }));
  HVKIT_ASSIGN_OR_RETURN(const kvm::UniqueFd timer, CreateTimer());
  PairedSamples samples(counts);
  for (size_t step = 0; step < counts.steps(); ++step) {
    const Side side = benchmarks::SideOfStep(step);
    std::vector<double> times;
    for (size_t i = 0; i < counts.operations; ++i) {
      const std::optional<double> lateness =
          side == Side::kOurs ? kick.LatenessOfOne(*scheduler) : RawLateness(timer.get());
      if (!lateness.has_value()) return kvm::ErrnoToStatus(kvm::Errno::Last(), "a timerfd");
      times.push_back(*lateness);
    }
    samples.Record(side, benchmarks::Median(std::move(times)));
  }
  return samples.Summarize();
}

}  // namespace hvkit::vcpu
