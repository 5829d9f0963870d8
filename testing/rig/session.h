// One run of a program in a machine, seen from the host: passes the standard streams both ways,
// writes result files, and learns the exit status.

#ifndef HVKIT_TESTING_RIG_SESSION_H_
#define HVKIT_TESTING_RIG_SESSION_H_

#include <chrono>
#include <fstream>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "testing/rig/frame.h"

namespace hvkit::testing::rig {

// The descriptors that a session works on; it owns none of them.
struct SessionFds {
  int port;            // non-blocking stream socket to init
  int pidfd;           // readable when the machine has ended
  int interrupt = -1;  // readable when the user wants an end
  int in = 0;          // the caller's standard streams
  int out = 1;
  int err = 2;
};

// Single-threaded; one Run. While the program runs the machine gets an interrupt every kWakePeriod:
// QEMU's TCG now and then forgets to look at a local APIC's interrupts when a VMRUN or its end
// coincides with a new one, and L1 would wait for its timer's for ever.
class Session {
 public:
  static constexpr std::chrono::milliseconds kWakePeriod{50};

  Session(const SessionFds& fds, std::chrono::seconds boot_timeout,
          std::chrono::seconds run_timeout)
      : fds_(fds), boot_timeout_(boot_timeout), run_timeout_(run_timeout) {}

  // Serves the run to its end and returns the program's exit status, or why there is none:
  // Cancelled after an interrupt, FailedPrecondition if the program cannot be started; the others
  // may go away in a second run.
  [[nodiscard]] absl::StatusOr<int> Run();

  // True once a byte went to the caller's output or came from its input: the run then cannot be
  // repeated unnoticed.
  [[nodiscard]] bool visible() const { return visible_; }

 private:
  using Clock = std::chrono::steady_clock;

  // What WaitForEvent found: poll(2)'s revents.
  struct Events {
    short in = 0;
    short port = 0;
    short machine = 0;
  };

  [[nodiscard]] absl::Status Step();
  [[nodiscard]] absl::StatusOr<Events> WaitForEvent();
  [[nodiscard]] absl::Status ReceiveFrames();
  [[nodiscard]] absl::Status Handle(const Frame& frame);
  [[nodiscard]] absl::Status Print(int fd, const std::string& bytes);
  [[nodiscard]] absl::Status MachineEnded() const;
  [[nodiscard]] absl::Status WriteResult(const std::string& bytes);
  void ReadInput();
  void SendInput();
  void WakeMachine();

  const SessionFds fds_;
  const std::chrono::seconds boot_timeout_;
  const std::chrono::seconds run_timeout_;
  Clock::time_point deadline_;
  Clock::time_point next_wake_;  // once the program has started
  FrameParser frames_;
  std::string pending_input_;  // frames that the port did not take yet
  std::ofstream result_file_;
  std::optional<int> exit_status_;
  bool started_ = false;
  bool input_ended_ = false;
  bool visible_ = false;
};

}  // namespace hvkit::testing::rig

#endif  // HVKIT_TESTING_RIG_SESSION_H_
