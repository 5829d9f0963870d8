// Usage: watch [--stop-ms=N] VMM ARGS...
// Runs the VMM with a guest of testing/hostile/load.h and does what the guest's lines say; each is
// acknowledged with a byte at the guest's serial port:
//   watch: before   notes the VMM's resident memory, descriptors and threads
//   watch: after    compares: not a MiB more, and as many of the others; all threads are confined
//   watch: stop     sends SIGTERM, upon which the VMM has to end within N ms (default 20000)
// Resident memory is RssAnon and RssFile of /proc/PID/status: the guest's own memory is RssShmem.
// Ends with the VMM's status (128 + N after signal N), or 70 where something was not as it should
// be.

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace {

constexpr int kWrong = 70;
constexpr int kCannotRun = 125;
constexpr int kSignalled = 128;
constexpr int kForever = -1;
constexpr int kStopMs = 20'000;
constexpr std::string_view kStopFlag = "--stop-ms=";
constexpr long kGrowthKib = 1024;

// The number after `key` in a file of /proc, -1 where it is not.
long Field(const std::filesystem::path& file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key + ":")) return std::atol(line.c_str() + key.size() + 1);
  }
  return -1;
}

long CountIn(const std::filesystem::path& directory) {
  long count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++count;
  return count;
}

struct Measure {
  long resident_kib;
  long descriptors;
  long threads;
};

class Watcher {
 public:
  Watcher(pid_t vmm, int input, int stop_ms) : vmm_(vmm), input_(input), stop_ms_(stop_ms) {}

  // A line of the guest's.
  void Obey(const std::string& line) {
    if (line == "watch: before") {
      before_ = Take();
    } else if (line == "watch: after") {
      Compare(Take());
    } else if (line == "watch: stop") {
      kill(vmm_, SIGTERM);
      timeout_ms_ = stop_ms_;
    } else {
      return;
    }
    if (write(input_, "\n", 1) != 1) Report(false, "the guest hears the watcher");
  }

  // The VMM has not ended in time.
  void OnTimeout() {
    Report(false, "the VMM stops when it is told to");
    kill(vmm_, SIGKILL);
    timeout_ms_ = kForever;
  }

  int timeout_ms() const { return timeout_ms_; }
  bool ok() const { return ok_; }

 private:
  std::filesystem::path Proc() const { return "/proc/" + std::to_string(vmm_); }

  Measure Take() const {
    const long anonymous = Field(Proc() / "status", "RssAnon");
    const long file = Field(Proc() / "status", "RssFile");
    return {.resident_kib = anonymous < 0 || file < 0 ? -1 : anonymous + file,
            .descriptors = CountIn(Proc() / "fd"),
            .threads = CountIn(Proc() / "task")};
  }

  bool AllAreConfined() const {
    constexpr long kFilter = 2;  // SECCOMP_MODE_FILTER
    for (const auto& task : std::filesystem::directory_iterator(Proc() / "task")) {
      if (Field(task.path() / "status", "Seccomp") != kFilter) return false;
    }
    return true;
  }

  void Compare(const Measure& after) {
    std::printf(
        "resident memory: %ld KiB, then %ld KiB; descriptors: %ld, %ld; threads: %ld, %ld\n",
        before_.resident_kib, after.resident_kib, before_.descriptors, after.descriptors,
        before_.threads, after.threads);
    Report(before_.resident_kib > 0 && after.resident_kib > 0 &&
               after.resident_kib - before_.resident_kib <= kGrowthKib,
           "the VMM's resident memory does not grow");
    Report(after.descriptors == before_.descriptors && after.threads == before_.threads,
           "the VMM has as many descriptors and threads as before");
    Report(AllAreConfined(), "all threads of the VMM are confined");
  }

  void Report(bool ok, const char* what) {
    std::printf("%s %s%s\n", ok ? "ok" : "FAIL", what, ok ? "" : ": it is not so");
    std::fflush(stdout);
    ok_ = ok_ && ok;
  }

  const pid_t vmm_;
  const int input_;
  const int stop_ms_;
  Measure before_{};
  int timeout_ms_ = kForever;
  bool ok_ = true;
};

// Passes the guest's output on, line by line.
void Follow(int output, Watcher& watcher) {
  std::string line;
  std::array<char, 4096> buffer;
  for (;;) {
    pollfd readable{.fd = output, .events = POLLIN, .revents = 0};
    const int ready = poll(&readable, 1, watcher.timeout_ms());
    if (ready == 0) watcher.OnTimeout();
    if (ready <= 0) continue;
    const ssize_t got = read(output, buffer.data(), buffer.size());
    if (got <= 0) return;
    for (const char c : std::string_view(buffer.data(), static_cast<size_t>(got))) {
      if (c == '\r') continue;
      if (c != '\n') {
        line += c;
        continue;
      }
      std::printf("%s\n", line.c_str());
      std::fflush(stdout);
      watcher.Obey(line);
      line.clear();
    }
  }
}

[[noreturn]] void Exec(char** command, int input, int output) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  execv(command[0], command);
  std::perror(command[0]);
  _exit(kCannotRun);
}

}  // namespace

int main(int argc, char** argv) {
  const bool has_flag = argc > 1 && std::string_view(argv[1]).starts_with(kStopFlag);
  const int stop_ms = has_flag ? std::atoi(argv[1] + kStopFlag.size()) : kStopMs;
  char** const command = argv + (has_flag ? 2 : 1);
  std::array<int, 2> input{};
  std::array<int, 2> output{};
  if (*command == nullptr || pipe2(input.data(), O_CLOEXEC) != 0 ||
      pipe2(output.data(), O_CLOEXEC) != 0) {
    std::fprintf(stderr, "watch: no command, or no pipes: %s\n", std::strerror(errno));
    return kCannotRun;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const pid_t vmm = fork();
  if (vmm == 0) Exec(command, input[0], output[1]);
  close(input[0]);
  close(output[1]);
  Watcher watcher(vmm, input[1], stop_ms);
  Follow(output[0], watcher);
  int status = 0;
  if (vmm < 0 || waitpid(vmm, &status, 0) != vmm) return kCannotRun;
  if (!watcher.ok()) return kWrong;
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status);
}
