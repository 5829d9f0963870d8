#include "testing/rig/session.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::testing::rig {
namespace {

constexpr size_t kChunk = 64 << 10;

int MillisecondsUntil(std::chrono::steady_clock::time_point deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

}  // namespace

absl::StatusOr<int> Session::Run() {
  deadline_ = Clock::now() + boot_timeout_;
  while (!exit_status_) HVKIT_RETURN_IF_ERROR(Step());
  return *exit_status_;
}

absl::Status Session::Step() {
  HVKIT_ASSIGN_OR_RETURN(const Events events, WaitForEvent());
  if (started_ && Clock::now() >= next_wake_) WakeMachine();
  if (events.in != 0) ReadInput();
  if ((events.port & POLLOUT) != 0) SendInput();
  if ((events.port & ~POLLOUT) != 0) HVKIT_RETURN_IF_ERROR(ReceiveFrames());
  // What the machine sent before its end is read first.
  if (!exit_status_ && events.machine != 0 && (events.port & POLLIN) == 0) return MachineEnded();
  return absl::OkStatus();
}

// Waits until something can be done, the machine's next wake being something. Fails at the
// deadline.
absl::StatusOr<Session::Events> Session::WaitForEvent() {
  const bool wants_input = started_ && !input_ended_ && pending_input_.empty();
  const short port_events = pending_input_.empty() ? POLLIN : POLLIN | POLLOUT;
  std::array<pollfd, 4> fds = {{{wants_input ? fds_.in : -1, POLLIN, 0},
                                {fds_.port, port_events, 0},
                                {fds_.pidfd, POLLIN, 0},
                                {fds_.interrupt, POLLIN, 0}}};
  const Clock::time_point until = started_ ? std::min(next_wake_, deadline_) : deadline_;
  const int ready = poll(fds.data(), fds.size(), MillisecondsUntil(until));
  if (ready < 0 && errno != EINTR) {
    return absl::InternalError(absl::StrCat("poll: ", std::strerror(errno)));
  }
  if (ready == 0 && Clock::now() >= deadline_) {
    return absl::DeadlineExceededError(
        started_
            ? absl::StrCat("the program did not end within ", run_timeout_.count(), " s")
            : absl::StrCat("the L1 machine did not boot within ", boot_timeout_.count(), " s"));
  }
  if (fds[3].revents != 0) return absl::CancelledError("interrupted");
  return Events{fds[0].revents, fds[1].revents, fds[2].revents};
}

absl::Status Session::MachineEnded() const {
  return absl::UnavailableError(started_ ? "the L1 machine ended before the program did"
                                         : "the L1 machine ended while it booted");
}

absl::Status Session::ReceiveFrames() {
  std::array<char, kChunk> chunk;
  const ssize_t size = read(fds_.port, chunk.data(), chunk.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return absl::OkStatus();
  if (size <= 0) return MachineEnded();
  frames_.Append({chunk.data(), static_cast<size_t>(size)});
  while (const std::optional<Frame> frame = frames_.Next()) HVKIT_RETURN_IF_ERROR(Handle(*frame));
  if (frames_.corrupt()) return absl::DataLossError("the L1 machine sent bytes that are no frame");
  return absl::OkStatus();
}

absl::Status Session::Handle(const Frame& frame) {
  switch (frame.type) {
    case FrameType::kStarted:
      started_ = true;
      next_wake_ = Clock::now() + kWakePeriod;
      deadline_ = Clock::now() + run_timeout_;
      return absl::OkStatus();
    case FrameType::kStdout:
      return Print(fds_.out, frame.payload);
    case FrameType::kStderr:
      return Print(fds_.err, frame.payload);
    case FrameType::kFileBegin:
      result_file_ = std::ofstream(frame.payload, std::ios::binary | std::ios::trunc);
      return WriteResult("");
    case FrameType::kFileData:
      return WriteResult(frame.payload);
    case FrameType::kExited:
      exit_status_ = frame.payload.empty() ? 0 : static_cast<unsigned char>(frame.payload[0]);
      return absl::OkStatus();
    case FrameType::kFailed:
      return absl::FailedPreconditionError(frame.payload);
    case FrameType::kStdin:
    case FrameType::kStdinEnd:
    case FrameType::kWake:
      break;
  }
  return absl::DataLossError("the L1 machine sent an unknown frame");
}

absl::Status Session::Print(int fd, const std::string& bytes) {
  visible_ = true;
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t written = write(fd, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno != EINTR) {
      return absl::AbortedError(
          absl::StrCat("cannot write the program's output: ", std::strerror(errno)));
    }
    if (written > 0) done += static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

absl::Status Session::WriteResult(const std::string& bytes) {
  result_file_ << bytes << std::flush;
  if (!result_file_) return absl::AbortedError("cannot write a file of --out");
  return absl::OkStatus();
}

void Session::ReadInput() {
  std::array<char, kChunk> chunk;
  const ssize_t size = read(fds_.in, chunk.data(), chunk.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    input_ended_ = true;
    pending_input_ += EncodeFrame(FrameType::kStdinEnd, "");
    return;
  }
  visible_ = true;
  pending_input_ += EncodeFrame(FrameType::kStdin, {chunk.data(), static_cast<size_t>(size)});
}

// What waits for the port wakes the machine as well.
void Session::WakeMachine() {
  next_wake_ = Clock::now() + kWakePeriod;
  if (pending_input_.empty()) pending_input_ = EncodeFrame(FrameType::kWake, "");
}

void Session::SendInput() {
  const ssize_t size = write(fds_.port, pending_input_.data(), pending_input_.size());
  if (size > 0) pending_input_.erase(0, static_cast<size_t>(size));
}

}  // namespace hvkit::testing::rig
