#include "vcpu/kick_signal.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "absl/base/attributes.h"
#include "absl/base/const_init.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "kvm_ioctls/errno.h"

namespace hvkit::vcpu {
namespace {

ABSL_CONST_INIT absl::Mutex install_mutex(absl::kConstInit);

void IgnoreSignal(int) {}

absl::Status LastError(const char* what) {
  return kvm::ErrnoToStatus(kvm::Errno::Last(), absl::StrCat(what, " of signal ", KickSignal()));
}

}  // namespace

int KickSignal() { return SIGURG; }

absl::Status InstallKickSignalHandler() {
  absl::MutexLock lock(&install_mutex);
  struct sigaction current = {};
  if (::sigaction(KickSignal(), nullptr, &current) != 0) return LastError("sigaction (query)");
  if (current.sa_handler == IgnoreSignal) return absl::OkStatus();
  if (current.sa_handler != SIG_DFL) {
    return absl::AlreadyExistsError(
        absl::StrCat("signal ", KickSignal(), " has a handler already; it is to end KVM_RUN"));
  }
  struct sigaction action = {};
  action.sa_handler = IgnoreSignal;
  ::sigemptyset(&action.sa_mask);
  if (::sigaction(KickSignal(), &action, nullptr) != 0) return LastError("sigaction");
  return absl::OkStatus();
}

void UnblockKickSignal() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, KickSignal());
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void SendKickSignal(pid_t tid) {
  const int saved_errno = errno;
  ::syscall(SYS_tgkill, ::getpid(), tid, KickSignal());
  errno = saved_errno;
}

}  // namespace hvkit::vcpu
