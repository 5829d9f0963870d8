#include "testing/rig/program_runner.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/rig/l1_setup.h"

namespace hvkit::testing::rig {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A runner between a job of the shell and a socket in place of the virtio port. What the runner
// sends here fits in the socket's buffer, so it runs to its end before the test reads.
class ProgramRunnerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets_.data()), 0); }
  void TearDown() override {
    for (const int fd : sockets_) close(fd);
  }

  bool RunShell(const std::string& script, std::vector<std::string> out_files = {}) {
    const Job job{.program = "/bin/sh",
                  .argv = {"sh", "-c", script},
                  .env = {"GREETING=hello"},
                  .cwd = "/usr",
                  .out_files = std::move(out_files)};
    return Run(job);
  }

  bool Run(const Job& job) {
    ProgramRunner runner(sockets_[0], job);
    const bool ok = runner.Run();
    shutdown(sockets_[0], SHUT_WR);
    ReadFrames();
    return ok;
  }

  void GiveInput(const std::string& text) {
    ASSERT_TRUE(WriteAll(
        sockets_[1], EncodeFrame(FrameType::kStdin, text) + EncodeFrame(FrameType::kStdinEnd, "")));
  }

  int port() const { return sockets_[1]; }

  std::string Received(FrameType type) const {
    const auto found = received_.find(type);
    return found == received_.end() ? "(none)" : found->second;
  }

  std::vector<FrameType> order_;

 private:
  void ReadFrames() {
    FrameParser parser;
    std::array<char, 4096> chunk;
    for (ssize_t size; (size = read(sockets_[1], chunk.data(), chunk.size())) > 0;) {
      parser.Append({chunk.data(), static_cast<size_t>(size)});
    }
    while (const std::optional<Frame> frame = parser.Next()) {
      order_.push_back(frame->type);
      received_[frame->type] += frame->payload;
    }
  }

  std::array<int, 2> sockets_{-1, -1};
  std::map<FrameType, std::string> received_;
};

TEST_F(ProgramRunnerTest, OutputAndErrorsArriveApartAndStatusLast) {
  EXPECT_TRUE(RunShell("echo out; echo err >&2; exit 7"));
  EXPECT_EQ(Received(FrameType::kStdout), "out\n");
  EXPECT_EQ(Received(FrameType::kStderr), "err\n");
  EXPECT_EQ(Received(FrameType::kExited), "\x07");
  EXPECT_EQ(order_.front(), FrameType::kStarted);
  EXPECT_EQ(order_.back(), FrameType::kExited);
}

TEST_F(ProgramRunnerTest, ProgramSeesEnvironmentAndDirectory) {
  EXPECT_TRUE(RunShell("echo $GREETING $(pwd)"));
  EXPECT_EQ(Received(FrameType::kStdout), "hello /usr\n");
}

TEST_F(ProgramRunnerTest, SignalGives128PlusItsNumber) {
  EXPECT_TRUE(RunShell("kill -9 $$"));
  EXPECT_EQ(Received(FrameType::kExited), std::string(1, static_cast<char>(137)));
}

TEST_F(ProgramRunnerTest, InputReachesTheProgramUpToItsEnd) {
  GiveInput("some input");
  EXPECT_TRUE(RunShell("cat"));
  EXPECT_EQ(Received(FrameType::kStdout), "some input");
}

TEST_F(ProgramRunnerTest, InputThatTheProgramDoesNotReadIsDropped) {
  GiveInput("some input");
  EXPECT_TRUE(RunShell("exec <&-; echo done"));
  EXPECT_EQ(Received(FrameType::kStdout), "done\n");
}

TEST_F(ProgramRunnerTest, FramesAreTakenAfterTheEndOfInput) {
  const std::string fifo = std::filesystem::path(::testing::TempDir()) / "over";
  unlink(fifo.c_str());
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  GiveInput("some input");
  // More than the socket holds; only then may the program end.
  std::thread peer([&] {
    std::string wakes;
    for (int i = 0; i < 200'000; ++i) wakes += EncodeFrame(FrameType::kWake, "");
    EXPECT_TRUE(WriteAll(port(), wakes));
    std::ofstream(fifo) << "over";
  });
  EXPECT_TRUE(RunShell("cat; cat " + fifo));
  peer.join();
  EXPECT_EQ(Received(FrameType::kStdout), "some inputover");
}

TEST_F(ProgramRunnerTest, ProcessLeftBehindDoesNotHoldUpTheEnd) {
  EXPECT_TRUE(RunShell("cat /dev/zero | cat >/dev/null & echo $!"));
  const pid_t left_behind = std::stoi(Received(FrameType::kStdout));
  EXPECT_EQ(Received(FrameType::kExited), std::string(1, '\0'));
  kill(left_behind, SIGKILL);
}

TEST_F(ProgramRunnerTest, ResultFilesAreSentAndMissingOnesAreNot) {
  const std::string path = std::filesystem::path(::testing::TempDir()) / "result";
  EXPECT_TRUE(RunShell("printf content >" + path, {path, "/nonexistent/result"}));
  EXPECT_EQ(Received(FrameType::kFileBegin), path);
  EXPECT_EQ(Received(FrameType::kFileData), "content");
}

TEST_F(ProgramRunnerTest, ProgramThatIsNotThereIsAFailureWithAReason) {
  const Job job{.program = "/nonexistent", .argv = {"x"}, .env = {}, .cwd = "/", .out_files = {}};
  EXPECT_FALSE(Run(job));
  EXPECT_THAT(order_, ElementsAre(FrameType::kFailed));
  EXPECT_THAT(Received(FrameType::kFailed), HasSubstr("/nonexistent"));
}

}  // namespace
}  // namespace hvkit::testing::rig
