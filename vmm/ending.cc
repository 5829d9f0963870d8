#include "vmm/ending.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "devices/debug_exit.h"
#include "vmm/exit_status.h"

namespace hvkit::vmm {
namespace {

// One overload per ending.
struct Reporter {
  EventLog& events;

  EndReport operator()(const PoweredOff&) const {
    events.ReportGuestShutdown();
    return {ToInt(ExitStatus::kSuccess), "the guest powered off"};
  }
  EndReport operator()(const WasReset& ending) const {
    events.ReportGuestReset();
    return {ToInt(ExitStatus::kSuccess), absl::StrCat("the guest reset itself (", ending.how, ")")};
  }
  EndReport operator()(const DebugExited& ending) const {
    const int status = devices::DebugExitStatus(ending.value);
    events.ReportDebugExit(ending.value, status);
    return {status, absl::StrFormat("the guest wrote %#x to the debug-exit port", ending.value)};
  }
  EndReport operator()(const Crashed& ending) const {
    events.Report(ending.crash);
    std::string line = "the guest reported a crash:";
    for (uint64_t parameter : ending.crash.parameters)
      absl::StrAppendFormat(&line, " %#x", parameter);
    return {ToInt(ExitStatus::kGuestCrash), line};
  }
  EndReport operator()(const TripleFaulted& ending) const {
    return {ToInt(ExitStatus::kInternal),
            absl::StrCat("triple fault on vCPU ", ending.cpu, "\n", ending.registers)};
  }
  EndReport operator()(const Signalled& ending) const {
    return {128 + ending.number,
            absl::StrCat("ended by signal ", ending.number, " (", strsignal(ending.number), ")")};
  }
  EndReport operator()(const Failed& ending) const {
    return {ToInt(ExitStatus::kInternal), std::string(ending.status.message())};
  }
};

}  // namespace

EndReport ReportEnding(const Ending& ending, EventLog& events) {
  return std::visit(Reporter{events}, ending);
}

absl::Status EndLatch::Open() {
  fd_ = kvm::UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (fd_.get() < 0) return absl::InternalError(absl::StrCat("eventfd: ", strerror(errno)));
  return absl::OkStatus();
}

void EndLatch::End(Ending ending) {
  {
    absl::MutexLock lock(&mutex_);
    if (ending_.has_value()) return;
    ending_ = std::move(ending);
  }
  if (on_end_) on_end_();
  eventfd_write(fd_.get(), 1);
}

std::optional<Ending> EndLatch::Get() const {
  absl::MutexLock lock(&mutex_);
  return ending_;
}

}  // namespace hvkit::vmm
