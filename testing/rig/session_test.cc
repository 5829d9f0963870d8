#include "testing/rig/session.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/status_matchers.h"

namespace hvkit::testing::rig {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A session whose machine is the test: frames are put into the port before the run, the pipes are
// read after it.
class SessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, port_.data()), 0);
    for (auto* pipe_fds : {&machine_, &interrupt_, &in_, &out_, &err_})
      ASSERT_EQ(pipe(pipe_fds->data()), 0);
  }
  void TearDown() override {
    for (const auto& fds : {port_, machine_, interrupt_, in_, out_, err_}) {
      for (const int fd : fds) close(fd);
    }
  }

  SessionFds Fds() const {
    return {.port = port_[0],
            .pidfd = machine_[0],
            .interrupt = interrupt_[0],
            .in = in_[0],
            .out = out_[1],
            .err = err_[1]};
  }
  void FromMachine(FrameType type, const std::string& payload) {
    const std::string frame = EncodeFrame(type, payload);
    ASSERT_EQ(write(port_[1], frame.data(), frame.size()), static_cast<ssize_t>(frame.size()));
  }
  void EndMachine() { ASSERT_EQ(write(machine_[1], "x", 1), 1); }

  static std::string ReadFrom(int fd) {
    std::array<char, 256> text;
    const ssize_t size = read(fd, text.data(), text.size());
    return {text.data(), static_cast<size_t>(std::max<ssize_t>(size, 0))};
  }

  std::array<int, 2> port_{}, machine_{}, interrupt_{}, in_{}, out_{}, err_{};
};

constexpr std::chrono::seconds kLong{100};

TEST_F(SessionTest, StreamsAndStatusComeThrough) {
  FromMachine(FrameType::kStarted, "");
  FromMachine(FrameType::kStdout, "out");
  FromMachine(FrameType::kStderr, "err");
  FromMachine(FrameType::kExited, "\xc8");
  Session session(Fds(), kLong, kLong);
  ASSERT_OK_AND_ASSIGN(const int status, session.Run());
  EXPECT_EQ(status, 200);
  EXPECT_EQ(ReadFrom(out_[0]), "out");
  EXPECT_EQ(ReadFrom(err_[0]), "err");
}

TEST_F(SessionTest, ResultFileIsWrittenWhereItIsNamed) {
  const std::string path = std::filesystem::path(::testing::TempDir()) / "session_result";
  FromMachine(FrameType::kFileBegin, path);
  FromMachine(FrameType::kFileData, "one");
  FromMachine(FrameType::kFileData, "two");
  FromMachine(FrameType::kExited, std::string(1, '\0'));
  Session session(Fds(), kLong, kLong);
  EXPECT_OK(session.Run());
  std::stringstream content;
  content << std::ifstream(path).rdbuf();
  EXPECT_EQ(content.str(), "onetwo");
}

TEST_F(SessionTest, MachineIsWokenAgainAndAgainWhileItsProgramRuns) {
  FromMachine(FrameType::kStarted, "");
  Session session(Fds(), kLong, std::chrono::seconds(1));
  EXPECT_THAT(session.Run(),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("within 1 s")));
  const std::string wake = EncodeFrame(FrameType::kWake, "");
  EXPECT_THAT(ReadFrom(port_[1]), StartsWith(wake + wake));
  EXPECT_FALSE(session.visible());
}

TEST_F(SessionTest, MachineIsLeftAloneWhileItBoots) {
  Session session(Fds(), std::chrono::seconds(1), kLong);
  EXPECT_THAT(session.Run(),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("within 1 s")));
  EXPECT_EQ(ReadFrom(port_[1]), "");
}

TEST_F(SessionTest, MachineThatEndsEarlyIsUnavailableAndNothingWasVisible) {
  EndMachine();
  Session session(Fds(), kLong, kLong);
  EXPECT_THAT(session.Run(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("while it booted")));
  EXPECT_FALSE(session.visible());
}

TEST_F(SessionTest, OutputBeforeTheMachineEndsIsStillPassedOn) {
  FromMachine(FrameType::kStarted, "");
  FromMachine(FrameType::kStdout, "out");
  EndMachine();
  Session session(Fds(), kLong, kLong);
  EXPECT_THAT(session.Run(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("before the program")));
  EXPECT_EQ(ReadFrom(out_[0]), "out");
  EXPECT_TRUE(session.visible());
}

TEST_F(SessionTest, BootThatTakesTooLongExceedsItsDeadline) {
  Session session(Fds(), std::chrono::seconds(0), kLong);
  EXPECT_THAT(session.Run(),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("did not boot")));
}

TEST_F(SessionTest, ProgramThatTakesTooLongExceedsItsDeadline) {
  FromMachine(FrameType::kStarted, "");
  Session session(Fds(), kLong, std::chrono::seconds(0));
  EXPECT_THAT(session.Run(),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("did not end")));
}

TEST_F(SessionTest, PortThatClosesIsTheEndOfTheMachine) {
  ASSERT_EQ(shutdown(port_[1], SHUT_WR), 0);
  Session session(Fds(), kLong, kLong);
  EXPECT_THAT(session.Run(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("while it booted")));
}

TEST_F(SessionTest, InterruptCancels) {
  ASSERT_EQ(write(interrupt_[1], "x", 1), 1);
  Session session(Fds(), kLong, kLong);
  EXPECT_THAT(session.Run(), StatusIs(absl::StatusCode::kCancelled, HasSubstr("interrupted")));
}

TEST_F(SessionTest, FailureOfInitGivesItsReason) {
  FromMachine(FrameType::kFailed, "no program");
  Session session(Fds(), kLong, kLong);
  EXPECT_THAT(session.Run(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no program")));
}

TEST_F(SessionTest, GarbageOnThePortIsDataLoss) {
  ASSERT_EQ(write(port_[1], "\x02\xff\xff\xff\xff", 5), 5);
  Session session(Fds(), kLong, kLong);
  EXPECT_THAT(session.Run(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no frame")));
}

TEST_F(SessionTest, InputIsReadOnlyOnceTheProgramRuns) {
  ASSERT_EQ(write(in_[1], "input", 5), 5);
  EndMachine();
  Session session(Fds(), kLong, kLong);
  EXPECT_THAT(session.Run(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("booted")));
  EXPECT_EQ(ReadFrom(in_[0]), "input");
}

TEST_F(SessionTest, InputReachesThePort) {
  ASSERT_EQ(write(in_[1], "input", 5), 5);
  FromMachine(FrameType::kStarted, "");
  Session session(Fds(), kLong, std::chrono::seconds(0));
  EXPECT_THAT(session.Run(),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("did not end")));
  FrameParser frames;
  frames.Append(ReadFrom(port_[1]));
  const std::optional<Frame> frame = frames.Next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, FrameType::kStdin);
  EXPECT_EQ(frame->payload, "input");
}

}  // namespace
}  // namespace hvkit::testing::rig
