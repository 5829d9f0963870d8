#include "vcpu/kick_signal.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/status_matchers.h"

namespace hvkit::vcpu {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::HasSubstr;

sigset_t OnlyKickSignal() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, KickSignal());
  return set;
}

TEST(KickSignalTest, HandlerOfTheProgramIsNotReplaced) {
  ASSERT_NE(::signal(KickSignal(), [](int) {}), SIG_ERR);
  EXPECT_THAT(InstallKickSignalHandler(),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("handler already")));
  ASSERT_NE(::signal(KickSignal(), SIG_DFL), SIG_ERR);
}

TEST(KickSignalTest, SecondInstallationIsOk) {
  EXPECT_OK(InstallKickSignalHandler());
  EXPECT_OK(InstallKickSignalHandler());
}

TEST(KickSignalTest, UnblocksTheSignalOfThisThread) {
  const sigset_t kick = OnlyKickSignal();
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &kick, nullptr), 0);
  UnblockKickSignal();
  sigset_t now;
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, nullptr, &now), 0);
  EXPECT_EQ(::sigismember(&now, KickSignal()), 0);
}

// The error of a system call of another thread that a sent signal ends.
int ErrorOfEndedCall() {
  const sigset_t kick = OnlyKickSignal();
  pid_t tid = 0;
  int error = 0;
  absl::Notification started;
  std::thread sleeper([&] {
    sigset_t unblocked;
    ::pthread_sigmask(SIG_BLOCK, &kick, &unblocked);
    ::sigdelset(&unblocked, KickSignal());
    tid = ::gettid();
    started.Notify();
    ::sigsuspend(&unblocked);
    error = errno;
  });
  started.WaitForNotification();
  SendKickSignal(tid);
  sleeper.join();
  return error;
}

TEST(KickSignalTest, SentSignalEndsASystemCall) {
  ASSERT_OK(InstallKickSignalHandler());
  EXPECT_EQ(ErrorOfEndedCall(), EINTR);
}

TEST(KickSignalTest, ArrivesHoweverManySignalsArePending) {
  ASSERT_OK(InstallKickSignalHandler());
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_SIGPENDING, &before), 0);
  const rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_SIGPENDING, &none), 0);
  EXPECT_EQ(ErrorOfEndedCall(), EINTR);
  EXPECT_EQ(::setrlimit(RLIMIT_SIGPENDING, &before), 0);
}

TEST(KickSignalTest, EndedThreadIsIgnoredAndErrnoKept) {
  pid_t tid = 0;
  std::thread([&] { tid = ::gettid(); }).join();
  errno = E2BIG;
  SendKickSignal(tid);
  EXPECT_EQ(errno, E2BIG);
}

}  // namespace
}  // namespace hvkit::vcpu
