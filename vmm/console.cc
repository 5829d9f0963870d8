#include "vmm/console.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vmm {
namespace {

absl::StatusOr<kvm::UniqueFd> Create(const std::string& path) {
  kvm::UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (fd.get() >= 0) return fd;
  return absl::InvalidArgumentError(
      absl::StrCat("--serial=file:", path, ": cannot write it (", strerror(errno),
                   "); name a file in a directory that exists and is writable"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Console>> Console::Open(const Config& config) {
  std::unique_ptr<Console> console(new Console());
  console->wake_ = kvm::UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  switch (config.serial) {
    case SerialSink::kNone:
      break;
    case SerialSink::kFile: {
      HVKIT_ASSIGN_OR_RETURN(console->file_, Create(config.serial_path));
      console->output_fd_ = console->file_.get();
      break;
    }
    case SerialSink::kStdio:
      console->output_fd_ = STDOUT_FILENO;
      console->reads_stdin_ = true;
      console->SetUpTerminal();
  }
  return console;
}

Console::~Console() {
  if (saved_terminal_.has_value()) tcsetattr(STDIN_FILENO, TCSANOW, &*saved_terminal_);
}

void Console::SetUpTerminal() {
  termios terminal{};
  if (tcgetattr(STDIN_FILENO, &terminal) != 0) return;
  saved_terminal_ = terminal;
  terminal.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
}

bool Console::AwaitOutput() const {
  while (true) {
    std::array<pollfd, 2> fds{{{output_fd_, POLLOUT, 0}, {stop_fd_, POLLIN, 0}}};
    if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return false;
    if (fds[0].revents != 0) return true;
    if (fds[1].revents != 0) return false;
  }
}

void Console::Output(std::span<const std::byte> bytes) {
  // A pipe that polls writable takes this much without blocking (pipe(7)).
  constexpr size_t kChunk = PIPE_BUF;
  while (output_fd_ >= 0 && !bytes.empty()) {
    if (!AwaitOutput()) return;
    const ssize_t written = write(output_fd_, bytes.data(), std::min(bytes.size(), kChunk));
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written <= 0) return;
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

int Console::input_fd() const { return reads_stdin_ && pending_.empty() ? STDIN_FILENO : -1; }

void Console::OnInputReadable(const Input& input) {
  const ssize_t got = read(STDIN_FILENO, buffer_.data(), buffer_.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) {
    reads_stdin_ = false;  // end of file: the guest just hears nothing more
    return;
  }
  pending_ = std::span<const std::byte>(buffer_).first(static_cast<size_t>(got));
  pending_ = pending_.subspan(input(pending_));
}

void Console::OnWake(const Input& input) {
  eventfd_t count = 0;
  eventfd_read(wake_.get(), &count);
  if (!pending_.empty()) pending_ = pending_.subspan(input(pending_));
}

void Console::WantInput() { eventfd_write(wake_.get(), 1); }

}  // namespace hvkit::vmm
