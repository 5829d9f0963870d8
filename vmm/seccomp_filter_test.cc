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

TEST(SeccompFilterDeathTest, OpeningAFileEndsTheProcessAndIsNamed) {
  EXPECT_EXIT(
      {
        Confine();
        std::ignore = open("/etc/passwd", O_RDONLY);
      },
      ExitedWithCode(kViolation), "vmm: .* system call 257 \\(openat\\) .* --no-seccomp");
}

TEST(SeccompFilterDeathTest, CLibraryDoesWithoutItsFiles) {
  EXPECT_EXIT(
      {
        Confine();
        const bool counted = get_nprocs() > 0;
        const bool refused = open("/proc/stat", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES;
        std::exit(counted && refused ? kDone : 1);
      },
      ExitedWithCode(kDone), "");
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
