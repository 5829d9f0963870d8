#include "vcpu/hyperv_kvm/timerfd_scheduler.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "testing/contracts/vp_scheduler_contract.h"
#include "testing/status_matchers.h"

namespace hvkit::vcpu {
namespace {

using hyperv::RefDuration;
using hyperv::RefTime;
using hyperv::VpIndex;

constexpr RefDuration kMillisecond{RefDuration::kTicksPerSecond / 1000};
constexpr RefDuration kDay{RefDuration::kTicksPerSecond * 3600 * 24};

// Time that only the test moves; the timers themselves are real.
class SteppedClock final : public hyperv::ReferenceClock {
 public:
  void Set(RefTime time) { ticks_ = time.ticks(); }
  RefTime Now() const override {
    reads_.fetch_add(1);
    reads_.notify_all();
    return RefTime(ticks_);
  }
  std::optional<hyperv::TscParameters> InvariantTsc() const override { return std::nullopt; }
  // Waits for another look at the clock, which is what a timer that expires takes.
  void WaitForRead() const { reads_.wait(reads_.load()); }

 private:
  std::atomic<uint64_t> ticks_{0};
  mutable std::atomic<int> reads_{0};
};

class TimerfdSchedulerTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kVps = 3;

  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(scheduler_, TimerfdScheduler::Create(kVps, clock_, [this](VpIndex vp) {
                           absl::MutexLock lock(&mutex_);
                           kicks_.push_back(vp.value());
                         }));
  }

  std::vector<uint32_t> Kicks() {
    absl::MutexLock lock(&mutex_);
    return kicks_;
  }
  void WaitForKicks(size_t count) {
    const auto enough = [this, count] { return kicks_.size() >= count; };
    absl::MutexLock lock(&mutex_, absl::Condition(&enough));
  }
  // Real time passes until a deadline of the last VP, which is otherwise unused, has come true.
  void WaitForLaterTimer(RefTime deadline) {
    const size_t before = Kicks().size();
    scheduler_->SetDeadline(VpIndex(kVps - 1), deadline);
    clock_.Set(deadline);
    WaitForKicks(before + 1);
  }

  SteppedClock clock_;
  absl::Mutex mutex_;
  std::vector<uint32_t> kicks_;
  std::unique_ptr<TimerfdScheduler> scheduler_;
};

using Vps = std::vector<uint32_t>;

TEST_F(TimerfdSchedulerTest, KickGoesToItsVp) {
  scheduler_->Kick(VpIndex(1));
  EXPECT_EQ(Kicks(), Vps{1});
}

TEST_F(TimerfdSchedulerTest, UnknownVpIsIgnored) {
  scheduler_->Kick(VpIndex(kVps));
  scheduler_->SetDeadline(VpIndex(kVps), RefTime(0));
  EXPECT_EQ(Kicks(), Vps{});
}

TEST_F(TimerfdSchedulerTest, PassedDeadlineKicksAtOnce) {
  clock_.Set(RefTime(10));
  scheduler_->SetDeadline(VpIndex(2), RefTime(10));
  EXPECT_EQ(Kicks(), Vps{2});
}

TEST_F(TimerfdSchedulerTest, DeadlineKicksWhenItIsReached) {
  scheduler_->SetDeadline(VpIndex(1), RefTime(0) + kMillisecond);
  clock_.Set(RefTime(0) + kMillisecond);
  WaitForKicks(1);
  EXPECT_EQ(Kicks(), Vps{1});
}

TEST_F(TimerfdSchedulerTest, TimerThatComesBeforeItsDeadlineWaitsForIt) {
  scheduler_->SetDeadline(VpIndex(0), RefTime(0) + kMillisecond);
  clock_.WaitForRead();
  clock_.WaitForRead();
  EXPECT_EQ(Kicks(), Vps{});
  clock_.Set(RefTime(0) + kMillisecond);
  WaitForKicks(1);
}

TEST_F(TimerfdSchedulerTest, DeadlineTakenBackDoesNotKick) {
  scheduler_->SetDeadline(VpIndex(0), RefTime(0) + kMillisecond);
  scheduler_->SetDeadline(VpIndex(0), std::nullopt);
  WaitForLaterTimer(RefTime(0) + kMillisecond + kMillisecond);
  EXPECT_EQ(Kicks(), Vps{kVps - 1});
}

TEST_F(TimerfdSchedulerTest, LaterDeadlineReplacesAnEarlierOne) {
  scheduler_->SetDeadline(VpIndex(0), RefTime(0) + kMillisecond);
  scheduler_->SetDeadline(VpIndex(0), RefTime(0) + kDay);
  WaitForLaterTimer(RefTime(0) + kMillisecond + kMillisecond);
  EXPECT_EQ(Kicks(), Vps{kVps - 1});
}

TEST_F(TimerfdSchedulerTest, EarlierDeadlineReplacesALaterOne) {
  scheduler_->SetDeadline(VpIndex(0), RefTime(~uint64_t{0}));
  scheduler_->SetDeadline(VpIndex(0), RefTime(0) + kMillisecond);
  clock_.Set(RefTime(0) + kMillisecond);
  WaitForKicks(1);
  EXPECT_EQ(Kicks(), Vps{0});
}

TEST_F(TimerfdSchedulerTest, TimeAtWhichADeadlineWasMetIsToldOnce) {
  EXPECT_EQ(scheduler_->TakeReached(VpIndex(0)), RefTime(0));
  const RefTime deadline = RefTime(0) + kMillisecond;
  scheduler_->SetDeadline(VpIndex(0), deadline);
  EXPECT_EQ(scheduler_->TakeReached(VpIndex(0)), RefTime(0));
  clock_.Set(deadline + kMillisecond);
  WaitForKicks(1);
  EXPECT_EQ(scheduler_->TakeReached(VpIndex(0)), deadline + kMillisecond);
  EXPECT_EQ(scheduler_->TakeReached(VpIndex(0)), RefTime(0));
  EXPECT_EQ(scheduler_->TakeReached(VpIndex(1)), RefTime(0));
}

TEST_F(TimerfdSchedulerTest, MetDeadlineIsForgotten) {
  scheduler_->SetDeadline(VpIndex(0), RefTime(0));
  WaitForLaterTimer(RefTime(0) + kMillisecond);
  EXPECT_EQ(Kicks(), (Vps{0, kVps - 1}));
}

TEST_F(TimerfdSchedulerTest, SameDeadlineMayBeSetAgainOnceMet) {
  scheduler_->SetDeadline(VpIndex(0), RefTime(0));
  scheduler_->SetDeadline(VpIndex(0), RefTime(0));
  EXPECT_EQ(Kicks(), (Vps{0, 0}));
}

TEST_F(TimerfdSchedulerTest, SuspendedDeadlineWaitsForResume) {
  scheduler_->SetDeadline(VpIndex(0), RefTime(0) + kMillisecond);
  scheduler_->Suspend();
  clock_.Set(RefTime(0) + kMillisecond);
  EXPECT_EQ(Kicks(), Vps{});
  scheduler_->Resume();
  EXPECT_EQ(Kicks(), Vps{0});
}

TEST_F(TimerfdSchedulerTest, DeadlineSetWhileSuspendedRunsAfterResume) {
  scheduler_->Suspend();
  scheduler_->SetDeadline(VpIndex(0), RefTime(0));
  EXPECT_EQ(Kicks(), Vps{});
  scheduler_->Resume();
  EXPECT_EQ(Kicks(), Vps{0});
}

TEST_F(TimerfdSchedulerTest, ThreadsMaySetDeadlinesOfOneVpTogether) {
  clock_.Set(RefTime(1));
  constexpr int kRounds = 2000;
  const auto rearm = [this] {
    for (int i = 0; i < kRounds; ++i) {
      scheduler_->SetDeadline(VpIndex(0), RefTime(1) + kMillisecond);
      scheduler_->SetDeadline(VpIndex(0), std::nullopt);
    }
  };
  std::thread other(rearm);
  rearm();
  other.join();
  scheduler_->SetDeadline(VpIndex(0), RefTime(1));
  EXPECT_EQ(Kicks(), Vps{0});
}

TEST(TimerfdSchedulerLifeTest, EndsWithDeadlinesSet) {
  SteppedClock clock;
  {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<TimerfdScheduler> scheduler,
                         TimerfdScheduler::Create(1, clock, [](VpIndex) {}));
    scheduler->SetDeadline(VpIndex(0), RefTime(0) + kMillisecond);
  }
  SUCCEED();
}

// Time passes at once, and Resume looks at each deadline then.
class Harness {
 public:
  Harness() {
    absl::StatusOr<std::unique_ptr<TimerfdScheduler>> made =
        TimerfdScheduler::Create(kVps, clock_, [this](VpIndex vp) { ++polls_[vp.value()]; });
    EXPECT_OK(made);
    scheduler_ = *std::move(made);
  }

  hyperv::VpScheduler& scheduler() { return *scheduler_; }
  VpIndex vp() { return VpIndex(0); }
  VpIndex other_vp() { return VpIndex(1); }
  VpIndex missing_vp() { return VpIndex(kVps); }
  RefTime Now() { return clock_.Now(); }
  RefDuration Soon() { return kMillisecond; }
  void PassTime(RefDuration time) {
    clock_.Set(clock_.Now() + time);
    scheduler_->Suspend();
    scheduler_->Resume();
  }
  int Polls(VpIndex vp) { return polls_[vp.value()].exchange(0); }

 private:
  static constexpr uint32_t kVps = 2;

  SteppedClock clock_;
  std::array<std::atomic<int>, kVps> polls_{};
  std::unique_ptr<TimerfdScheduler> scheduler_;
};

}  // namespace
}  // namespace hvkit::vcpu

namespace hvkit::testing {

INSTANTIATE_TYPED_TEST_SUITE_P(TimerfdScheduler, VpSchedulerContract, vcpu::Harness);

}  // namespace hvkit::testing
