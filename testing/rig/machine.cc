#include "testing/rig/machine.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "testing/rig/job.h"

namespace hvkit::testing::rig {
namespace {

constexpr char kQemu[] = "qemu-system-x86_64";

std::string KernelCommandLine() {
  // A panic must end QEMU; the timer check races on a busy host; with several CPUs, or when the
  // host keeps QEMU waiting, the kernel would distrust the TSC, and KVM would then not offer its
  // guests a reference TSC page.
  return absl::StrCat(
      "console=ttyS0 quiet panic=-1 no_timer_check mitigations=off tsc=reliable rdinit=",
      kInitPath);
}

void Redirect(int fd, const char* path, int flags) {
  const int file = open(path, flags, 0600);
  if (file < 0) _exit(127);
  dup2(file, fd);
  close(file);
}

// In the child: QEMU dies with the launcher, keeps only the port, and says what it has to say
// (TCG's warnings about features it lacks) in a log.
[[noreturn]] void ExecQemu(const std::vector<std::string>& args, const std::string& log,
                           pid_t launcher) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != launcher) _exit(127);
  Redirect(STDIN_FILENO, "/dev/null", O_RDONLY);
  Redirect(STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC);
  dup2(STDOUT_FILENO, STDERR_FILENO);
  std::vector<char*> argv = {const_cast<char*>(kQemu)};
  for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  execvp(kQemu, argv.data());
  dprintf(STDERR_FILENO, "rig: cannot execute %s: %s\n", kQemu, strerror(errno));
  _exit(127);
}

}  // namespace

std::vector<std::string> QemuArguments(const Options& options, const MachineFiles& files,
                                       int port_fd) {
  return {"-accel",
          options.cpus > 1 ? "tcg,thread=multi" : "tcg",
          "-cpu",
          "EPYC,+svm,+npt",
          "-smp",
          absl::StrCat(options.cpus),
          "-m",
          options.memory,
          "-nodefaults",
          "-no-user-config",
          "-no-reboot",
          "-display",
          "none",
          "-nic",
          "none",
          "-serial",
          absl::StrCat("file:", files.console_log),
          "-device",
          "virtio-serial-pci",
          "-chardev",
          absl::StrCat("socket,id=port,fd=", port_fd),
          "-device",
          "virtserialport,chardev=port,nr=1",
          "-kernel",
          options.kernel,
          "-initrd",
          files.initrd,
          "-append",
          KernelCommandLine()};
}

absl::StatusOr<Machine> Machine::Start(const Options& options, const MachineFiles& files) {
  std::array<int, 2> sockets{-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    return absl::InternalError(absl::StrCat("socketpair: ", std::strerror(errno)));
  }
  kvm::UniqueFd port(sockets[0]);
  const kvm::UniqueFd qemu_port(sockets[1]);
  fcntl(port.get(), F_SETFL, O_NONBLOCK);
  fcntl(qemu_port.get(), F_SETFD, 0);  // inherited
  const std::vector<std::string> args = QemuArguments(options, files, qemu_port.get());
  const pid_t launcher = getpid();
  const pid_t pid = fork();
  if (pid == 0) ExecQemu(args, files.qemu_log, launcher);
  if (pid < 0) return absl::InternalError(absl::StrCat("fork: ", std::strerror(errno)));
  kvm::UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  return Machine(pid, std::move(pidfd), std::move(port));
}

Machine::Machine(pid_t pid, kvm::UniqueFd pidfd, kvm::UniqueFd port)
    : pid_(pid), pidfd_(std::move(pidfd)), port_(std::move(port)) {}

Machine::Machine(Machine&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      port_(std::move(other.port_)) {}

Machine::~Machine() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

}  // namespace hvkit::testing::rig
