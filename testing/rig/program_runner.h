// Runs the job's program in the L1 machine and carries its standard streams and result files over
// the port.

#ifndef HVKIT_TESTING_RIG_PROGRAM_RUNNER_H_
#define HVKIT_TESTING_RIG_PROGRAM_RUNNER_H_

#include <sys/types.h>

#include <string>
#include <string_view>

#include "testing/rig/frame.h"
#include "testing/rig/job.h"

namespace hvkit::testing::rig {

// One run of one program; single-threaded. The port is any connected, blocking, two-way descriptor
// (a socket in unit tests).
class ProgramRunner {
 public:
  ProgramRunner(int port, const Job& job) : port_(port), job_(job) {}
  ~ProgramRunner();
  ProgramRunner(const ProgramRunner&) = delete;
  ProgramRunner& operator=(const ProgramRunner&) = delete;

  // Starts the program, serves its streams until it ends and reports its status: 128 + N after
  // signal N. False if the program cannot be started (a kFailed frame says why) or the port breaks.
  [[nodiscard]] bool Run();

 private:
  [[nodiscard]] bool Start();
  [[noreturn]] void Exec(int stdin_fd, int stdout_fd, int stderr_fd) const;
  [[nodiscard]] bool Serve();
  [[nodiscard]] bool Drain();
  [[nodiscard]] bool Forward(int& fd, FrameType type);
  [[nodiscard]] bool ReceiveInput();
  void FeedProgram();
  [[nodiscard]] bool SendFile(const std::string& path) const;
  [[nodiscard]] bool SendStatus();
  [[nodiscard]] bool Send(FrameType type, std::string_view payload) const;

  const int port_;
  const Job& job_;
  FrameParser input_frames_;
  std::string pending_input_;  // received for the program, not yet written to its pipe
  bool input_ended_ = false;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  int stdin_fd_ = -1;
  int stdout_fd_ = -1;
  int stderr_fd_ = -1;
};

}  // namespace hvkit::testing::rig

#endif  // HVKIT_TESTING_RIG_PROGRAM_RUNNER_H_
