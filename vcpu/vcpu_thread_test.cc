#include "vcpu/vcpu_thread.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kvm_ioctls/unique_fd.h"
#include "testing/status_matchers.h"
#include "vcpu/fake_runner.h"
#include "vcpu/runner.h"

namespace hvkit::vcpu {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::HasSubstr;

class VcpuThreadTest : public ::testing::Test {
 protected:
  void StartInGuest() {
    ASSERT_OK(thread_.Start());
    runner_.WaitUntilInGuest();
  }
  void EndRun() {
    runner_.ExitGuest(RunOutcome::kStopped);
    ASSERT_OK(thread_.Join());
  }

  std::unique_ptr<FakeRunner> owned_runner_ = std::make_unique<FakeRunner>();
  FakeRunner& runner_ = *owned_runner_;
  absl::Status ended_with_ = absl::UnknownError("not ended");
  VcpuThread thread_{std::move(owned_runner_),
                     [this](const absl::Status& status) { ended_with_ = status; }};
};

TEST_F(VcpuThreadTest, StopEndsTheRunWithOk) {
  StartInGuest();
  thread_.Stop();
  EXPECT_OK(thread_.Join());
  EXPECT_OK(ended_with_);
}

TEST_F(VcpuThreadTest, StopBeforeStartNeverEntersGuestTwice) {
  thread_.Stop();
  ASSERT_OK(thread_.Start());
  EXPECT_OK(thread_.Join());
  EXPECT_EQ(runner_.runs(), 1u);
}

TEST_F(VcpuThreadTest, SecondStartIsRefused) {
  StartInGuest();
  EXPECT_THAT(thread_.Start(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("twice")));
}

TEST_F(VcpuThreadTest, JoinWithoutStartIsOk) { EXPECT_OK(thread_.Join()); }

TEST_F(VcpuThreadTest, SecondJoinGivesTheSameAnswer) {
  runner_.SetError(absl::DataLossError("gone"));
  StartInGuest();
  runner_.ExitGuest(RunOutcome::kFailed);
  EXPECT_THAT(thread_.Join(), StatusIs(absl::StatusCode::kDataLoss, "gone"));
  EXPECT_THAT(thread_.Join(), StatusIs(absl::StatusCode::kDataLoss, "gone"));
}

TEST_F(VcpuThreadTest, HandlersStopEndsTheRunWithOk) {
  StartInGuest();
  runner_.ExitGuest(RunOutcome::kStopped);
  EXPECT_OK(thread_.Join());
}

TEST_F(VcpuThreadTest, FailedRunEndsWithItsError) {
  runner_.SetError(absl::InternalError("KVM said no"));
  StartInGuest();
  runner_.ExitGuest(RunOutcome::kFailed);
  EXPECT_THAT(thread_.Join(), StatusIs(absl::StatusCode::kInternal, "KVM said no"));
  EXPECT_THAT(ended_with_, StatusIs(absl::StatusCode::kInternal, "KVM said no"));
}

TEST_F(VcpuThreadTest, HandledExitEntersAgain) {
  StartInGuest();
  runner_.ExitGuest(RunOutcome::kHandled);
  runner_.WaitUntilInGuest();
  EXPECT_EQ(runner_.runs(), 2u);
  EXPECT_EQ(runner_.kicks_seen(), 0u);
}

TEST_F(VcpuThreadTest, KickLeavesGuestAndIsReported) {
  absl::Notification seen;
  runner_.SetOnKicked([&] {
    if (!seen.HasBeenNotified()) seen.Notify();
    return RunOutcome::kHandled;
  });
  StartInGuest();
  thread_.Kick();
  seen.WaitForNotification();
  runner_.WaitUntilInGuest();
  EXPECT_EQ(runner_.kicks_seen(), 1u);
}

TEST_F(VcpuThreadTest, KickBeforeStartIsSeenOnFirstEntry) {
  absl::Notification seen;
  runner_.SetOnKicked([&] {
    seen.Notify();
    return RunOutcome::kHandled;
  });
  thread_.Kick();
  ASSERT_OK(thread_.Start());
  seen.WaitForNotification();
}

TEST_F(VcpuThreadTest, KickMayEndTheRun) {
  runner_.SetOnKicked([] { return RunOutcome::kStopped; });
  StartInGuest();
  thread_.Kick();
  EXPECT_OK(thread_.Join());
}

TEST_F(VcpuThreadTest, KickAfterTheEndIsHarmless) {
  StartInGuest();
  EndRun();
  thread_.Kick();
  EXPECT_EQ(runner_.kicks_seen(), 0u);
}

TEST_F(VcpuThreadTest, HaltedVcpuEntersAfterKick) {
  StartInGuest();
  runner_.ExitGuest(RunOutcome::kHalted);
  runner_.WaitUntilExited();
  thread_.Kick();
  runner_.WaitUntilInGuest();
  EXPECT_GE(runner_.kicks_seen(), 1u);
}

TEST_F(VcpuThreadTest, HaltedVcpuServesWork) {
  StartInGuest();
  runner_.ExitGuest(RunOutcome::kHalted);
  runner_.WaitUntilExited();
  EXPECT_OK(thread_.RunOnVcpu([] {}));
}

TEST_F(VcpuThreadTest, PauseKeepsVcpuOutOfGuest) {
  StartInGuest();
  EXPECT_OK(thread_.Pause());
  EXPECT_FALSE(runner_.in_guest());
  const uint64_t runs = runner_.runs();
  EXPECT_OK(thread_.RunOnVcpu([] {}));
  EXPECT_EQ(runner_.runs(), runs);
}

TEST_F(VcpuThreadTest, ResumeEntersGuestAgain) {
  StartInGuest();
  ASSERT_OK(thread_.Pause());
  thread_.Resume();
  runner_.WaitUntilInGuest();
  EXPECT_EQ(runner_.kicks_seen(), 1u);
}

TEST_F(VcpuThreadTest, PausedVcpuIsNotPolledUntilResume) {
  StartInGuest();
  ASSERT_OK(thread_.Pause());
  thread_.Kick();
  EXPECT_OK(thread_.RunOnVcpu([] {}));
  EXPECT_EQ(runner_.kicks_seen(), 0u);
}

TEST_F(VcpuThreadTest, PauseRequestedBeforeStartHoldsFirstEntry) {
  thread_.RequestPause();
  ASSERT_OK(thread_.Start());
  EXPECT_OK(thread_.WaitUntilPaused());
  EXPECT_EQ(runner_.runs(), 1u);
}

TEST_F(VcpuThreadTest, PauseRightAfterResumeIsInForce) {
  StartInGuest();
  for (int i = 0; i < 200; ++i) {
    ASSERT_OK(thread_.Pause());
    ASSERT_FALSE(runner_.in_guest());
    thread_.Resume();
  }
}

TEST_F(VcpuThreadTest, StopWinsOverPause) {
  StartInGuest();
  ASSERT_OK(thread_.Pause());
  thread_.Stop();
  EXPECT_OK(thread_.Join());
}

TEST_F(VcpuThreadTest, WaitingForAPauseNobodyRequestedIsAborted) {
  StartInGuest();
  EXPECT_THAT(thread_.WaitUntilPaused(),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("not asked")));
}

TEST_F(VcpuThreadTest, ResumeReleasesWhoWaitsForThePause) {
  runner_.SetDeaf(true);
  StartInGuest();
  thread_.RequestPause();
  absl::Status waited;
  std::thread waiter([&] { waited = thread_.WaitUntilPaused(); });
  thread_.Resume();
  waiter.join();
  EXPECT_THAT(waited, StatusIs(absl::StatusCode::kAborted, HasSubstr("no longer")));
  EndRun();
}

TEST_F(VcpuThreadTest, EndReleasesWhoWaitsForThePause) {
  runner_.SetDeaf(true);
  StartInGuest();
  thread_.RequestPause();
  absl::Status waited;
  std::thread waiter([&] { waited = thread_.WaitUntilPaused(); });
  runner_.ExitGuest(RunOutcome::kStopped);
  waiter.join();
  EXPECT_THAT(waited, StatusIs(absl::StatusCode::kCancelled, HasSubstr("ended")));
}

TEST_F(VcpuThreadTest, WorkRunsOnVcpuThreadOutOfGuest) {
  StartInGuest();
  std::thread::id worker;
  bool in_guest = true;
  EXPECT_OK(thread_.RunOnVcpu([&] {
    worker = std::this_thread::get_id();
    in_guest = runner_.in_guest();
  }));
  EXPECT_NE(worker, std::this_thread::get_id());
  EXPECT_FALSE(in_guest);
}

TEST_F(VcpuThreadTest, WorkRunsInOrder) {
  StartInGuest();
  std::vector<int> order;
  EXPECT_TRUE(thread_.Post([&] { order.push_back(1); }));
  EXPECT_TRUE(thread_.Post([&] { order.push_back(2); }));
  EXPECT_OK(thread_.RunOnVcpu([&] { order.push_back(3); }));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST_F(VcpuThreadTest, WorkMayPostMoreWork) {
  StartInGuest();
  absl::Notification done;
  EXPECT_TRUE(thread_.Post([&] { EXPECT_TRUE(thread_.Post([&] { done.Notify(); })); }));
  done.WaitForNotification();
}

TEST_F(VcpuThreadTest, WorkPostedBeforeStartRunsBeforeTheGuest) {
  absl::Notification done;
  uint64_t runs = 0;
  EXPECT_TRUE(thread_.Post([&] {
    runs = runner_.runs();
    done.Notify();
  }));
  ASSERT_OK(thread_.Start());
  done.WaitForNotification();
  EXPECT_EQ(runs, 1u);  // the one that was interrupted before it entered
}

TEST_F(VcpuThreadTest, WaitingForWorkBeforeStartIsRefused) {
  EXPECT_THAT(thread_.RunOnVcpu([] {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not started")));
}

TEST_F(VcpuThreadTest, WaitingForWorkOnOwnThreadIsRefused) {
  StartInGuest();
  absl::Status inner;
  EXPECT_OK(thread_.RunOnVcpu([&] { inner = thread_.RunOnVcpu([] {}); }));
  EXPECT_THAT(inner, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("own thread")));
}

TEST_F(VcpuThreadTest, WorkAfterTheEndIsRefused) {
  StartInGuest();
  EndRun();
  EXPECT_FALSE(thread_.Post([] {}));
  EXPECT_THAT(thread_.RunOnVcpu([] {}), StatusIs(absl::StatusCode::kCancelled, HasSubstr("ended")));
}

TEST_F(VcpuThreadTest, EndDropsQueuedWorkAndReleasesItsWaiter) {
  runner_.SetDeaf(true);
  StartInGuest();
  auto token = std::make_shared<int>(0);
  EXPECT_TRUE(thread_.Post([token] { ++*token; }));
  absl::Status waited;
  std::thread waiter([&] { waited = thread_.RunOnVcpu([] {}); });
  EndRun();
  waiter.join();
  EXPECT_THAT(waited, StatusIs(absl::StatusCode::kCancelled, HasSubstr("ended")));
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_EQ(*token, 0);
}

TEST_F(VcpuThreadTest, NoLockIsHeldInTheGuest) {
  runner_.SetDeaf(true);
  StartInGuest();
  EXPECT_TRUE(thread_.Post([] {}));
  thread_.RequestPause();
  thread_.Resume();
  EXPECT_THAT(thread_.Start(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("twice")));
  thread_.Stop();
  EXPECT_TRUE(runner_.in_guest());
  EXPECT_EQ(runner_.runs(), 1u);
  EndRun();
}

TEST_F(VcpuThreadTest, NoLockIsHeldInWork) {
  StartInGuest();
  EXPECT_OK(thread_.RunOnVcpu([&] {
    std::thread other([&] {
      EXPECT_TRUE(thread_.Post([] {}));
      thread_.RequestPause();
      thread_.Resume();
    });
    other.join();
  }));
}

TEST_F(VcpuThreadTest, NoRequestIsLostUnderLoad) {
  constexpr int kRounds = 1000;
  StartInGuest();
  int done = 0;
  const auto post = [&] {
    for (int i = 0; i < kRounds; ++i) {
      ASSERT_OK(thread_.RunOnVcpu([&] { ++done; }));
    }
  };
  std::thread first(post);
  std::thread second(post);
  for (int i = 0; i < kRounds; ++i) thread_.Kick();
  first.join();
  second.join();
  EXPECT_EQ(done, 2 * kRounds);
}

TEST_F(VcpuThreadTest, NoKickIsLostBetweenHalts) {
  constexpr int kRounds = 500;
  StartInGuest();
  for (int i = 0; i < kRounds; ++i) {
    runner_.ExitGuest(RunOutcome::kHalted);
    runner_.WaitUntilExited();
    ASSERT_OK(thread_.RunOnVcpu([] {}));
  }
}

TEST(VcpuThreadLifeTest, DestructionStopsTheThread) {
  auto runner = std::make_unique<FakeRunner>();
  FakeRunner& guest = *runner;
  bool ended = false;
  {
    VcpuThread thread(std::move(runner), [&](const absl::Status&) { ended = true; });
    ASSERT_OK(thread.Start());
    guest.WaitUntilInGuest();
  }
  EXPECT_TRUE(ended);
}

// A runner without locks: in the guest it waits for an eventfd, which Interrupt may write in a
// signal handler.
class EventfdRunner final : public Runner {
 public:
  RunOutcome Run() override {
    pollfd poll_fd = {.fd = fd_.get(), .events = POLLIN, .revents = 0};
    while (::poll(&poll_fd, 1, -1) != 1) {
    }
    return RunOutcome::kInterrupted;
  }
  void Interrupt() override { EXPECT_EQ(::eventfd_write(fd_.get(), 1), 0); }
  void AcknowledgeInterrupt() override {
    eventfd_t count;
    EXPECT_EQ(::eventfd_read(fd_.get(), &count), 0);
  }
  RunOutcome OnKicked() override { return RunOutcome::kStopped; }
  absl::Status CompletePendingExit() override { return absl::OkStatus(); }
  absl::Status TakeError() override { return absl::OkStatus(); }

 private:
  kvm::UniqueFd fd_{::eventfd(0, EFD_CLOEXEC)};
};

std::atomic<VcpuThread*> thread_to_kick{nullptr};

TEST(VcpuThreadSignalTest, KickWorksInASignalHandler) {
  VcpuThread thread(std::make_unique<EventfdRunner>());
  thread_to_kick = &thread;
  struct sigaction action = {};
  action.sa_handler = [](int) { thread_to_kick.load()->Kick(); };
  ASSERT_EQ(::sigaction(SIGUSR1, &action, nullptr), 0);
  ASSERT_OK(thread.Start());
  ASSERT_EQ(::raise(SIGUSR1), 0);
  EXPECT_OK(thread.Join());
}

}  // namespace
}  // namespace hvkit::vcpu
