#include "vmm/console.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvm_ioctls/unique_fd.h"
#include "testing/status_matchers.h"

namespace hvkit::vmm {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::HasSubstr;

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

Config FileConfig(const std::string& path) {
  Config config;
  config.serial = SerialSink::kFile;
  config.serial_path = path;
  return config;
}

TEST(ConsoleTest, FileTakesOutput) {
  const std::string path = ::testing::TempDir() + "/console_output";
  {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Console> console, Console::Open(FileConfig(path)));
    console->Output(Bytes("hello "));
    console->Output(Bytes("there"));
  }
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "hello there");
}

TEST(ConsoleTest, FileThatCannotBeMadeNamesTheFlag) {
  EXPECT_THAT(
      Console::Open(FileConfig("/nonexistent/out")),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--serial=file:/nonexistent/out")));
}

// A reader that stalls does not hold up the end of the run.
TEST(ConsoleTest, OutputToAFullPipeGivesUpOnceTheRunHasEnded) {
  const std::string path = ::testing::TempDir() + "/console_fifo";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const kvm::UniqueFd reader(open(path.c_str(), O_RDONLY | O_NONBLOCK));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Console> console, Console::Open(FileConfig(path)));
  const kvm::UniqueFd ended(eventfd(1, 0));
  console->set_stop_fd(ended.get());
  constexpr size_t kMoreThanAPipeHolds = 1 << 20;
  console->Output(std::vector<std::byte>(kMoreThanAPipeHolds));
  SUCCEED();
}

TEST(ConsoleTest, FileHasNoInput) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Console> console,
                       Console::Open(FileConfig(::testing::TempDir() + "/console_no_input")));
  EXPECT_EQ(console->input_fd(), -1);
}

// Stdin is a pipe for these.
class ConsoleInputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    saved_stdin_ = dup(STDIN_FILENO);
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    typed_ = ends[1];
    ASSERT_OK_AND_ASSIGN(console_, Console::Open(Config{}));
  }
  void TearDown() override {
    if (typed_ >= 0) close(typed_);
    dup2(saved_stdin_, STDIN_FILENO);
    close(saved_stdin_);
  }
  void Type(std::string_view text) {
    ASSERT_EQ(write(typed_, text.data(), text.size()), ssize_t(text.size()));
  }
  bool Woken() {
    pollfd fd{console_->wake_fd(), POLLIN, 0};
    return poll(&fd, 1, 0) == 1;
  }
  // A guest with room for `room_` bytes.
  Console::Input Guest() {
    return [this](std::span<const std::byte> bytes) {
      const size_t taken = std::min(room_, bytes.size());
      heard_.append(reinterpret_cast<const char*>(bytes.data()), taken);
      room_ -= taken;
      return taken;
    };
  }

  int saved_stdin_ = -1;
  int typed_ = -1;
  size_t room_ = 100;
  std::string heard_;
  std::unique_ptr<Console> console_;
};

TEST_F(ConsoleInputTest, TypedBytesReachTheGuest) {
  Type("ls\n");
  console_->OnInputReadable(Guest());
  EXPECT_EQ(heard_, "ls\n");
  EXPECT_EQ(console_->input_fd(), STDIN_FILENO);
}

TEST_F(ConsoleInputTest, NothingIsReadWhileTheGuestHasNoRoom) {
  room_ = 2;
  Type("abcd");
  console_->OnInputReadable(Guest());
  EXPECT_EQ(console_->input_fd(), -1);
}

TEST_F(ConsoleInputTest, RestFollowsWhenTheGuestHasRoomAgain) {
  room_ = 2;
  Type("abcd");
  console_->OnInputReadable(Guest());
  room_ = 100;
  console_->WantInput();
  EXPECT_TRUE(Woken());
  console_->OnWake(Guest());
  EXPECT_EQ(heard_, "abcd");
  EXPECT_FALSE(Woken());
  EXPECT_EQ(console_->input_fd(), STDIN_FILENO);
}

TEST_F(ConsoleInputTest, EndOfFileEndsInput) {
  close(typed_);
  typed_ = -1;
  console_->OnInputReadable(Guest());
  EXPECT_EQ(console_->input_fd(), -1);
}

}  // namespace
}  // namespace hvkit::vmm
