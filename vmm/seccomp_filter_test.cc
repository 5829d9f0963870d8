// Each test runs in a child of its own: a filter is for good.
#include "vmm/seccomp_filter.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <tuple>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::vmm {
namespace {

using ::testing::ExitedWithCode;

constexpr int kViolation = 5;
constexpr int kDone = 17;

void Confine() {
  const absl::Status status = EnterSeccomp();
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  std::_Exit(1);
}

// What a run does once it is confined, and its end.
void RunConfined() {
  const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  absl::Notification ready;
  absl::Notification end;
  std::thread thread([&] {
    ready.Notify();
    end.WaitForNotification();
  });
  ready.WaitForNotification();
  Confine();

  end.Notify();
  thread.join();
  const itimerspec soon{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 1}};
  timerfd_settime(timer, 0, &soon, nullptr);
  uint64_t expirations = 0;
  const bool expired = read(timer, &expirations, sizeof(expirations)) == sizeof(expirations);
  const std::unique_ptr<char[]> memory(new char[64 << 20]());
  const int event = eventfd(0, EFD_CLOEXEC);
  const bool wrote = eventfd_write(event, 1) == 0 && close(event) == 0;
  const bool kicked = syscall(SYS_tgkill, getpid(), gettid(), 0) == 0;
  std::exit(expired && wrote && kicked && memory[0] == 0 ? kDone : 1);
}

TEST(SeccompFilterDeathTest, RunLoopsSystemCallsPass) {
  EXPECT_EXIT(RunConfined(), ExitedWithCode(kDone), "");
}

TEST(SeccompFilterDeathTest, OpeningAFileToWriteEndsTheProcessAndIsNamed) {
  EXPECT_EXIT(
      {
        Confine();
        std::ignore = open("/etc/passwd", O_RDWR);
      },
      ExitedWithCode(kViolation), "vmm: .* system call 257 \\(openat\\) .* --no-seccomp");
}

TEST(SeccompFilterDeathTest, FilesToReadAreRefusedAndTheCLibraryDoesWithout) {
  EXPECT_EXIT(
      {
        Confine();
        const bool counted = get_nprocs() > 0;
        const bool refused = open("/proc/stat", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES;
        const bool also = open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES;
        std::exit(counted && refused && also ? kDone : 1);
      },
      ExitedWithCode(kDone), "");
}

// A second waiter of an absl::Mutex reads its priority, and how fast the processor is.
void WaitForMutexes() {
  constexpr int kWaiters = 3;
  absl::Mutex mutex;
  int waiting = 0;
  bool go = false;
  std::atomic<bool> confined = false;
  const auto all_wait = [&] { return waiting == kWaiters; };
  const auto wait = [&] {
    confined.wait(false);
    const absl::MutexLock lock(&mutex);
    ++waiting;
    mutex.Await(absl::Condition(&go));
  };
  std::array<std::thread, kWaiters> threads;
  for (std::thread& thread : threads) thread = std::thread(wait);
  Confine();
  confined = true;
  confined.notify_all();
  {
    const absl::MutexLock lock(&mutex, absl::Condition(&all_wait));
    go = true;
  }
  for (std::thread& thread : threads) thread.join();
  std::exit(kDone);
}

TEST(SeccompFilterDeathTest, ManyMayWaitForALock) {
  EXPECT_EXIT(WaitForMutexes(), ExitedWithCode(kDone), "");
}

TEST(SeccompFilterDeathTest, ThreadsThatWereThereBeforeAreConfined) {
  EXPECT_EXIT(
      {
        absl::Notification confined;
        std::thread thread([&] {
          confined.WaitForNotification();
          socket(AF_UNIX, SOCK_STREAM, 0);
        });
        Confine();
        confined.Notify();
        thread.join();
      },
      ExitedWithCode(kViolation), "socket");
}

TEST(SeccompFilterDeathTest, ProgramsAreNotStarted) {
  EXPECT_EXIT(
      {
        Confine();
        execl("/bin/true", "true", nullptr);
      },
      ExitedWithCode(kViolation), "execve");
}

TEST(SeccompFilterDeathTest, ProcessesAreNotMade) {
  EXPECT_EXIT(
      {
        Confine();
        std::ignore = fork();
      },
      ExitedWithCode(kViolation), "clone");
}

TEST(SeccompFilterDeathTest, MemoryDoesNotBecomeExecutable) {
  EXPECT_EXIT(
      {
        Confine();
        std::ignore =
            mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      },
      ExitedWithCode(kViolation), "mmap");
  EXPECT_EXIT(
      {
        void* const page =
            mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        Confine();
        mprotect(page, 4096, PROT_READ | PROT_EXEC);
      },
      ExitedWithCode(kViolation), "mprotect");
}

TEST(SeccompFilterDeathTest, OtherProcessesGetNoSignals) {
  EXPECT_EXIT(
      {
        Confine();
        syscall(SYS_tgkill, 1, 1, 0);
      },
      ExitedWithCode(kViolation), "tgkill");
}

void SendWhereTheSocketIsConnected() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends.data()) != 0) std::exit(1);
  Confine();
  std::exit(send(ends[0], "x", 1, 0) == 1 ? kDone : 1);
}

void SendElsewhere() {
  const sockaddr elsewhere{.sa_family = AF_UNIX, .sa_data = "elsewhere"};
  const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  Confine();
  std::ignore = sendto(fd, "x", 1, 0, &elsewhere, sizeof(elsewhere));
}

TEST(SeccompFilterDeathTest, PacketsGoOnlyWhereASocketIsConnected) {
  EXPECT_EXIT(SendWhereTheSocketIsConnected(), ExitedWithCode(kDone), "");
  EXPECT_EXIT(SendElsewhere(), ExitedWithCode(kViolation), "sendto");
}

TEST(SeccompFilterDeathTest, VirtualMachinesAreNotMade) {
  EXPECT_EXIT(
      {
        Confine();
        ioctl(STDIN_FILENO, KVM_CREATE_VM, 0);
      },
      ExitedWithCode(kViolation), "ioctl");
}

}  // namespace
}  // namespace hvkit::vmm
