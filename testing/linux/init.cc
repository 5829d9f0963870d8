// Process 1 of the default Linux guest: prints what the guest's kernel found, as lines
// `hvkit-guest: KEY=VALUE`, and powers the machine off. With `hvkit.stress=SECONDS` on the kernel's
// command line it then puts the machine under stress and says what came of it.

#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>

#include "testing/linux/kernel_log.h"
#include "testing/linux/stress.h"

namespace {

// Actions of syslog(2).
constexpr int kReadAll = 3;
constexpr int kSetConsoleLevel = 8;
constexpr int kBufferSize = 10;

int64_t MillisecondsSinceBoot() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

void MountFileSystems() {
  for (const auto& [type, target] : {std::pair("proc", "/proc"), {"sysfs", "/sys"}}) {
    mkdir(target, 0755);
    mount(type, target, type, 0, nullptr);
  }
}

// Lines of ours stay whole and end with a newline alone: no kernel messages between them, no
// carriage returns.
void PrepareConsole() {
  klogctl(kSetConsoleLevel, nullptr, 1);
  termios settings{};
  if (tcgetattr(STDOUT_FILENO, &settings) != 0) return;
  settings.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  tcsetattr(STDOUT_FILENO, TCSANOW, &settings);
}

std::string ReadLine(const char* path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line.empty() ? "none" : line;
}

std::string ReadKernelLog() {
  const int capacity = klogctl(kBufferSize, nullptr, 0);
  if (capacity <= 0) return "";
  std::string log(static_cast<size_t>(capacity), '\0');
  const int size = klogctl(kReadAll, log.data(), capacity);
  log.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return log;
}

bool IsTemporaryClocksource(const std::string& name) {
  return name == "jiffies" || name == "refined-jiffies" || name == "tsc-early";
}

// The kernel may still change its mind late in boot: waits until the name has been the same for a
// while.
std::string SettledClocksource() {
  constexpr int kMaxReads = 50;
  constexpr int kSameReads = 4;
  constexpr useconds_t kPauseMicroseconds = 100'000;
  std::string name;
  for (int reads = 0, same = 0; reads < kMaxReads && same < kSameReads; ++reads) {
    std::string current =
        ReadLine("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    same = current == name && !IsTemporaryClocksource(current) ? same + 1 : 0;
    name = std::move(current);
    usleep(kPauseMicroseconds);
  }
  return name;
}

void Print(const char* key, const std::string& value) {
  std::printf("hvkit-guest: %s=%s\n", key, value.c_str());
}

void PrintFindings(int64_t boot_ms) {
  const std::string clocksource = SettledClocksource();
  const hvkit::testing::KernelFindings findings = hvkit::testing::FindInKernelLog(ReadKernelLog());
  utsname kernel{};
  uname(&kernel);
  Print("hypervisor", findings.hypervisor);
  Print("clocksource", clocksource);
  Print("clockevent", ReadLine("/sys/devices/system/clockevents/clockevent0/current_device"));
  Print("cpus", std::to_string(sysconf(_SC_NPROCESSORS_ONLN)));
  Print("kernel", kernel.release);
  Print("privileges", findings.privileges);
  Print("ipi", findings.ipi);
  Print("tlbflush", findings.tlbflush);
  Print("boot_ms", std::to_string(boot_ms));
}

// What follows `hvkit.stress=`; 0 if there is no such word.
int StressSeconds() {
  constexpr char kWord[] = "hvkit.stress=";
  const std::string words = ReadLine("/proc/cmdline");
  const size_t at = words.find(kWord);
  return at == std::string::npos ? 0 : std::atoi(words.c_str() + at + sizeof(kWord) - 1);
}

void PrintStress(const hvkit::testing::StressResult& result) {
  const std::string trouble = hvkit::testing::FindTrouble(ReadKernelLog());
  const std::string& failure = result.failure.empty() ? trouble : result.failure;
  Print("stress_remaps", std::to_string(result.remaps));
  Print("stress_reads", std::to_string(result.reads));
  Print("stress_migrations", std::to_string(result.migrations));
  Print("stress_barriers", std::to_string(result.barriers));
  Print("stress_handovers", std::to_string(result.handovers));
  Print("stress_ticks", std::to_string(result.ticks));
  Print("stress_latest_tick_ms", std::to_string(result.latest_ms));
  Print("stress", failure.empty() ? "ok" : "FAIL: " + failure);
}

}  // namespace

int main() {
  const int64_t boot_ms = MillisecondsSinceBoot();
  MountFileSystems();
  PrepareConsole();
  PrintFindings(boot_ms);
  if (const int stress = StressSeconds(); stress > 0) {
    PrintStress(hvkit::testing::RunStress(std::chrono::seconds(stress)));
  }
  std::fflush(stdout);
  tcdrain(STDOUT_FILENO);
  reboot(RB_POWER_OFF);
  while (true) pause();
}
