#include "vmm/seccomp_filter.h"

#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <type_traits>

#include "absl/strings/str_format.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"
#include "vmm/exit_status.h"

namespace hvkit::vmm {
namespace {

// Allowed with any arguments. Each group says who needs it.
constexpr int kAllowed[] = {
    // Locks, and what signals interrupt.
    SCMP_SYS(futex), SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(sched_yield),
    // A second waiter of an absl::Mutex asks for its own priority.
    SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler),
    // The first steps of a thread that has been made, but not yet run.
    SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
    // Time.
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(timerfd_settime),
    // The console, timers, events and the debugger's socket, all of them open already.
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(poll), SCMP_SYS(ppoll),
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(recvfrom),
    SCMP_SYS(signalfd4), SCMP_SYS(lseek), SCMP_SYS(fstat),
    // Routes to SINTs, which a guest makes and unmakes while it runs.
    SCMP_SYS(eventfd2), SCMP_SYS(close),
    // malloc (mmap and mprotect are below).
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
    // The end.
    SCMP_SYS(exit), SCMP_SYS(exit_group)};

// ioctl: what is done to a VM and its vCPUs while they run, and the terminal as it was before.
constexpr unsigned long kAllowedIoctls[] = {
    KVM_RUN,
    // What exits look at, flushes of the TLB, hypercalls in any mode, the start of a VP.
    KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS, KVM_GET_SREGS2, KVM_SET_SREGS2,
    KVM_GET_MSRS, KVM_SET_MSRS, KVM_GET_LAPIC, KVM_GET_XSAVE, KVM_GET_XSAVE2, KVM_SET_XSAVE,
    KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, KVM_GET_MP_STATE, KVM_SET_MP_STATE, KVM_TRANSLATE,
    // Reference time.
    KVM_GET_CLOCK, KVM_GET_DEVICE_ATTR, KVM_SET_DEVICE_ATTR,
    // KVM's SynIC, which a VP gets when its guest first asks for AutoEOI.
    KVM_ENABLE_CAP,
    // Interrupts, and the routes to SINTs.
    KVM_SIGNAL_MSI, KVM_IRQ_LINE, KVM_SET_GSI_ROUTING, KVM_IRQFD, KVM_HYPERV_EVENTFD,
    // isatty, and the end of the console.
    TCGETS, TCSETS};

constexpr size_t kNames = 512;

// The names of all system calls, looked up before they may be needed: a signal handler cannot.
std::array<const char*, kNames>& Names() {
  static std::array<const char*, kNames> names{};
  return names;
}

void LookUpNames() {
  for (size_t i = 0; i < kNames; ++i) {
    if (Names()[i] != nullptr) continue;
    Names()[i] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, static_cast<int>(i));
  }
}

const char* NameOf(int number) {
  const auto index = static_cast<size_t>(number);
  const char* const name = index < kNames ? Names()[index] : nullptr;
  return name == nullptr ? "unknown" : name;
}

// snprintf of %d and %s allocates nothing.
void OnViolation(int, siginfo_t* info, void*) {
  std::array<char, 160> line;
  const int size =
      std::snprintf(line.data(), line.size(),
                    "vmm: stopped by its own seccomp filter: system call %d (%s) is not needed "
                    "to run a guest; to go without: --no-seccomp\n",
                    info->si_syscall, NameOf(info->si_syscall));
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, line.data(), static_cast<size_t>(size));
  _exit(ToInt(ExitStatus::kInternal));
}

absl::Status CatchViolations() {
  struct sigaction action = {};
  action.sa_sigaction = OnViolation;
  action.sa_flags = SA_SIGINFO;
  sigfillset(&action.sa_mask);
  if (sigaction(SIGSYS, &action, nullptr) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrFormat("sigaction of SIGSYS: %s", std::strerror(errno)));
}

using Filter = std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, decltype(&seccomp_release)>;

// `error` as libseccomp returns it: 0 or a negative errno.
absl::Status ToStatus(int error, const char* what) {
  if (error == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrFormat("seccomp: %s: %s; use a kernel with CONFIG_SECCOMP_FILTER, or --no-seccomp",
                      what, std::strerror(-error)));
}

template <typename... Conditions>
absl::Status Allow(const Filter& filter, int call, const Conditions&... conditions) {
  const int error =
      seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, sizeof...(conditions), conditions...);
  return ToStatus(error, "adding a rule");
}

// New memory is never executable.
absl::Status AllowData(const Filter& filter) {
  const scmp_arg_cmp no_code = SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
  HVKIT_RETURN_IF_ERROR(Allow(filter, SCMP_SYS(mmap), no_code));
  return Allow(filter, SCMP_SYS(mprotect), no_code);
}

absl::Status AllowIoctls(const Filter& filter) {
  // The kernel takes the low 32 bits for the request, whatever is above.
  for (const unsigned long request : kAllowedIoctls) {
    HVKIT_RETURN_IF_ERROR(Allow(filter, SCMP_SYS(ioctl),
                                SCMP_A1_64(SCMP_CMP_MASKED_EQ, uint64_t{0xFFFF'FFFF}, request)));
  }
  return ToStatus(seccomp_syscall_priority(filter.get(), SCMP_SYS(ioctl), 255), "its order");
}

// Kicks go to threads of this process, packets to the debugger that the socket is connected to. The
// C library's fstat is newfstatat; whether its path is empty a filter cannot see, and it only tells
// of files.
absl::Status AllowSome(const Filter& filter) {
  HVKIT_RETURN_IF_ERROR(
      Allow(filter, SCMP_SYS(sendto), SCMP_A4_64(SCMP_CMP_EQ, scmp_datum_t{0}, 0)));
  HVKIT_RETURN_IF_ERROR(Allow(filter, SCMP_SYS(tgkill),
                              SCMP_A0_64(SCMP_CMP_EQ, static_cast<scmp_datum_t>(getpid()), 0)));
  return Allow(filter, SCMP_SYS(newfstatat), SCMP_A3_64(SCMP_CMP_EQ, AT_EMPTY_PATH, 0));
}

// malloc and absl::Mutex ask for the number of processors, their speed and the like when they are
// first under pressure. The C library and absl read files for that, and do without where they may
// not; so do not end for a file that is only to be read.
absl::Status RefuseFilesToRead(const Filter& filter) {
  constexpr auto kFlags = ~static_cast<uint32_t>(O_CLOEXEC);
  const int error = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 1,
                                     SCMP_A2_32(SCMP_CMP_MASKED_EQ, kFlags, uint32_t{O_RDONLY}));
  HVKIT_RETURN_IF_ERROR(ToStatus(error, "adding a rule"));
  return Allow(filter, SCMP_SYS(sched_getaffinity));
}

absl::Status AllowAll(const Filter& filter) {
  HVKIT_RETURN_IF_ERROR(RefuseFilesToRead(filter));
  HVKIT_RETURN_IF_ERROR(AllowIoctls(filter));
  for (const int call : kAllowed) HVKIT_RETURN_IF_ERROR(Allow(filter, call));
  HVKIT_RETURN_IF_ERROR(AllowData(filter));
  return AllowSome(filter);
}

}  // namespace

absl::Status EnterSeccomp() {
  LookUpNames();
  HVKIT_RETURN_IF_ERROR(CatchViolations());
  const Filter filter(seccomp_init(SCMP_ACT_TRAP), seccomp_release);
  if (filter == nullptr) return ToStatus(-ENOMEM, "seccomp_init");
  HVKIT_RETURN_IF_ERROR(
      ToStatus(seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1), "all threads at once"));
  HVKIT_RETURN_IF_ERROR(AllowAll(filter));
  return ToStatus(seccomp_load(filter.get()), "loading the filter");
}

}  // namespace hvkit::vmm
