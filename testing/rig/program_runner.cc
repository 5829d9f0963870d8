#include "testing/rig/program_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <vector>

#include "testing/rig/l1_setup.h"

namespace hvkit::testing::rig {
namespace {

constexpr size_t kChunk = 64 << 10;
// The program's input is read from the port only while less than this waits for the program.
constexpr size_t kMaxPendingInput = 64 << 10;

void CloseIfOpen(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

ProgramRunner::~ProgramRunner() {
  CloseIfOpen(pidfd_);
  CloseIfOpen(stdin_fd_);
  CloseIfOpen(stdout_fd_);
  CloseIfOpen(stderr_fd_);
}

bool ProgramRunner::Run() {
  if (!Start()) {
    const std::string reason =
        "cannot start " + job_.program + " in " + job_.cwd + ": " + std::strerror(errno);
    (void)Send(FrameType::kFailed, reason);
    return false;
  }
  if (!Send(FrameType::kStarted, "") || !Serve() || !Drain()) return false;
  for (const std::string& path : job_.out_files) {
    if (!SendFile(path)) return false;
  }
  return SendStatus();
}

bool ProgramRunner::Start() {
  if (access(job_.program.c_str(), X_OK) != 0 || access(job_.cwd.c_str(), X_OK) != 0) return false;
  std::array<int, 2> in{-1, -1};
  std::array<int, 2> out{-1, -1};
  std::array<int, 2> err{-1, -1};
  if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0 ||
      pipe2(err.data(), O_CLOEXEC) != 0) {
    return false;
  }
  pid_ = fork();
  if (pid_ == 0) Exec(in[0], out[1], err[1]);
  close(in[0]);
  close(out[1]);
  close(err[1]);
  stdin_fd_ = in[1];
  stdout_fd_ = out[0];
  stderr_fd_ = err[0];
  for (const int fd : {stdin_fd_, stdout_fd_, stderr_fd_}) fcntl(fd, F_SETFL, O_NONBLOCK);
  if (pid_ < 0) return false;
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  return pidfd_ >= 0;
}

void ProgramRunner::Exec(int stdin_fd, int stdout_fd, int stderr_fd) const {
  dup2(stdin_fd, STDIN_FILENO);
  dup2(stdout_fd, STDOUT_FILENO);
  dup2(stderr_fd, STDERR_FILENO);
  signal(SIGPIPE, SIG_DFL);
  if (chdir(job_.cwd.c_str()) == 0) {
    execve(job_.program.c_str(), Pointers(job_.argv).data(), Pointers(job_.env).data());
  }
  dprintf(STDERR_FILENO, "rig: cannot execute %s: %s\n", job_.program.c_str(), strerror(errno));
  _exit(126);
}

// Serves all streams until the program has ended.
bool ProgramRunner::Serve() {
  while (true) {
    const bool takes_frames = pending_input_.size() < kMaxPendingInput;
    std::array<pollfd, 5> fds = {{{pidfd_, POLLIN, 0},
                                  {stdout_fd_, POLLIN, 0},
                                  {stderr_fd_, POLLIN, 0},
                                  {takes_frames ? port_ : -1, POLLIN, 0},
                                  {pending_input_.empty() ? -1 : stdin_fd_, POLLOUT, 0}}};
    if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return false;
    if (fds[1].revents != 0 && !Forward(stdout_fd_, FrameType::kStdout)) return false;
    if (fds[2].revents != 0 && !Forward(stderr_fd_, FrameType::kStderr)) return false;
    if (fds[3].revents != 0 && !ReceiveInput()) return false;
    if (fds[4].revents != 0) FeedProgram();
    if (fds[0].revents != 0) return true;
  }
}

// Sends what the program left in its pipes. A process that it left behind may still hold them open,
// so this does not wait for end of file.
bool ProgramRunner::Drain() {
  for (int* fd : {&stdout_fd_, &stderr_fd_}) {
    const FrameType type = fd == &stdout_fd_ ? FrameType::kStdout : FrameType::kStderr;
    pollfd ready{*fd, POLLIN, 0};
    while (*fd >= 0 && poll(&ready, 1, 0) > 0) {
      if (!Forward(*fd, type)) return false;
    }
  }
  return true;
}

// Sends one chunk; closes the descriptor at end of file. False if the port breaks.
bool ProgramRunner::Forward(int& fd, FrameType type) {
  std::array<char, kChunk> chunk;
  const ssize_t size = read(fd, chunk.data(), chunk.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (size <= 0) {
    CloseIfOpen(fd);
    return true;
  }
  return Send(type, {chunk.data(), static_cast<size_t>(size)});
}

bool ProgramRunner::ReceiveInput() {
  std::array<char, kChunk> chunk;
  const ssize_t size = read(port_, chunk.data(), chunk.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (size <= 0) return false;
  input_frames_.Append({chunk.data(), static_cast<size_t>(size)});
  while (const std::optional<Frame> frame = input_frames_.Next()) {
    if (frame->type == FrameType::kStdin && !input_ended_) pending_input_ += frame->payload;
    if (frame->type == FrameType::kStdinEnd) input_ended_ = true;
  }
  if (input_ended_ && pending_input_.empty()) CloseIfOpen(stdin_fd_);
  return !input_frames_.corrupt();
}

void ProgramRunner::FeedProgram() {
  const ssize_t size = write(stdin_fd_, pending_input_.data(), pending_input_.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size < 0) {  // the program closed its input: what comes later is dropped
    CloseIfOpen(stdin_fd_);
    pending_input_.clear();
    input_ended_ = true;
    return;
  }
  pending_input_.erase(0, static_cast<size_t>(size));
  if (input_ended_ && pending_input_.empty()) CloseIfOpen(stdin_fd_);
}

bool ProgramRunner::SendFile(const std::string& path) const {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return true;
  bool sent = Send(FrameType::kFileBegin, path);
  std::array<char, kChunk> chunk;
  ssize_t size = 0;
  while (sent && (size = read(fd, chunk.data(), chunk.size())) > 0) {
    sent = Send(FrameType::kFileData, {chunk.data(), static_cast<size_t>(size)});
  }
  close(fd);
  return sent;
}

bool ProgramRunner::SendStatus() {
  int wait_status = 0;
  while (waitpid(pid_, &wait_status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  const int status =
      WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
  const char byte = static_cast<char>(status);
  return Send(FrameType::kExited, {&byte, 1});
}

bool ProgramRunner::Send(FrameType type, std::string_view payload) const {
  return WriteAll(port_, EncodeFrame(type, payload));
}

}  // namespace hvkit::testing::rig
