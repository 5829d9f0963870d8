// rig_launcher [OPTIONS] -- PROGRAM ARGS...: runs a static program in the L1 machine and ends with
// its exit status. The script `rig` beside it adds --kernel and --initrd. Status 2: bad usage; 125:
// the rig itself failed.

#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "kvm_ioctls/status_macros.h"
#include "kvm_ioctls/unique_fd.h"
#include "testing/rig/machine.h"
#include "testing/rig/options.h"
#include "testing/rig/payload.h"
#include "testing/rig/session.h"

namespace hvkit::testing::rig {
namespace {

constexpr int kBadUsage = 2;
constexpr int kRigFailed = 125;
constexpr int kInterrupted = 130;

// A directory of our own, removed with its content.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    const char* base = std::getenv("TMPDIR");
    path_ = absl::StrCat(base != nullptr ? base : "/tmp", "/hvkit-rig-XXXXXX");
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
    setenv("TMPDIR", path_.c_str(), 1);  // QEMU's own temporary files
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  [[nodiscard]] bool ok() const { return !path_.empty(); }
  [[nodiscard]] std::string File(const char* name) const { return absl::StrCat(path_, "/", name); }

 private:
  std::string path_;
};

// The rig's own initramfs and, before it, what this run needs: Linux unpacks both.
absl::Status WriteInitrd(const Options& options, const std::string& path) {
  std::ofstream out(path, std::ios::binary);
  HVKIT_ASSIGN_OR_RETURN(const Payload payload, MakePayload(options));
  HVKIT_RETURN_IF_ERROR(WritePayload(payload, out));
  HVKIT_ASSIGN_OR_RETURN(const std::string base, ReadFile(options.initrd));
  out << base << std::flush;
  if (!out) return absl::InternalError(absl::StrCat("cannot write ", path));
  return absl::OkStatus();
}

void PrintLog(const char* name, const std::string& path) {
  constexpr size_t kShown = 4096;
  const absl::StatusOr<std::string> log = ReadFile(path);
  if (!log.ok() || log->empty()) return;
  const size_t begin = log->size() > kShown ? log->size() - kShown : 0;
  std::fprintf(stderr, "rig: the end of %s:\n%s\n", name, log->c_str() + begin);
}

// Signals that end the rig become readable on a descriptor, so that the machine and the scratch
// files go too. QEMU inherits the mask: only the launcher ends it.
kvm::UniqueFd InterruptFd() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return kvm::UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC));
}

// A run of one program, with what all attempts share.
struct Context {
  const Options& options;
  const ScratchDirectory& scratch;
  int interrupt_fd;
};

// Boots and runs once. `repeatable` says whether a failed run left no trace with the caller.
absl::StatusOr<int> RunOnce(const Context& context, bool& repeatable) {
  const MachineFiles files = {context.scratch.File("initrd"), context.scratch.File("console.log"),
                              context.scratch.File("qemu.log")};
  HVKIT_ASSIGN_OR_RETURN(const Machine machine, Machine::Start(context.options, files));
  Session session(
      {.port = machine.port(), .pidfd = machine.pidfd(), .interrupt = context.interrupt_fd},
      context.options.boot_timeout, context.options.timeout);
  absl::StatusOr<int> status = session.Run();
  // What init reports (FailedPrecondition) would be the same again.
  repeatable = !session.visible() && !absl::IsFailedPrecondition(status.status()) &&
               !absl::IsCancelled(status.status());
  if (!status.ok() && !absl::IsCancelled(status.status())) {
    PrintLog("QEMU's output", files.qemu_log);
    PrintLog("the L1 console", files.console_log);
  }
  return status;
}

absl::StatusOr<int> RunWithRetry(const Context& context) {
  bool repeatable = false;
  absl::StatusOr<int> result = RunOnce(context, repeatable);
  if (result.ok() || !repeatable) return result;
  std::fprintf(stderr, "rig: %s; trying once more\n",
               std::string(result.status().message()).c_str());
  return RunOnce(context, repeatable);
}

int Fail(int exit_status, const absl::Status& status) {
  std::fprintf(stderr, "rig: %s\n", std::string(status.message()).c_str());
  return exit_status;
}

int Main(absl::Span<const char* const> args) {
  signal(SIGPIPE, SIG_IGN);
  const absl::StatusOr<Options> options = ParseOptions(args);
  if (!options.ok()) return Fail(kBadUsage, options.status());
  const ScratchDirectory scratch;
  if (!scratch.ok())
    return Fail(kRigFailed, absl::InternalError("cannot make a temporary directory"));
  if (absl::Status status = WriteInitrd(*options, scratch.File("initrd")); !status.ok()) {
    return Fail(kBadUsage, status);
  }
  const kvm::UniqueFd interrupt = InterruptFd();
  const absl::StatusOr<int> result = RunWithRetry({*options, scratch, interrupt.get()});
  if (result.ok()) return *result;
  return Fail(absl::IsCancelled(result.status()) ? kInterrupted : kRigFailed, result.status());
}

}  // namespace
}  // namespace hvkit::testing::rig

int main(int argc, char** argv) {
  return hvkit::testing::rig::Main(absl::MakeConstSpan(argv + 1, static_cast<size_t>(argc - 1)));
}
