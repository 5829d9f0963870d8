// Whole exits on this machine's /dev/kvm: KVM_RUN, our run loop and what answers the exit, against
// a raw loop on the same vCPU in the same run, in paired rounds (exit_rounds.h).
//
// One row a scenario: the medians of both in ns of thread time an exit, ours as a ratio to the raw
// loop (median of the passes, their range), and the raw loop's ratio to itself. Arguments are
// parts of names: only scenarios that contain one of them are run.
#include <sched.h>
#include <sys/utsname.h>

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "vcpu/hyperv_kvm/exit_rounds.h"
#include "vcpu/hyperv_kvm/exit_samples.h"
#include "vcpu/hyperv_kvm/exit_scenarios.h"

namespace hvkit::vcpu {
namespace {

// The rest of the first line of /proc/cpuinfo that starts with `key`, or nothing.
std::string CpuInfo(absl::string_view key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (absl::StartsWith(line, key) && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

const char* KindOfKvm() {
  const std::string flags = CpuInfo("flags") + " ";
  if (absl::StrContains(flags, " vmx ")) return "VMX";
  if (absl::StrContains(flags, " svm ")) return "SVM";
  return "software (no VMX or SVM)";
}

double RdtscNs() {
  constexpr int kCount = 1'000'000;
  timespec start;
  timespec end;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
  uint64_t sum = 0;
  for (int i = 0; i < kCount; ++i) sum += __builtin_ia32_rdtsc();
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
  asm volatile("" ::"r"(sum));
  const auto seconds = static_cast<double>(end.tv_sec - start.tv_sec);
  return (1e9 * seconds + static_cast<double>(end.tv_nsec - start.tv_nsec)) / kCount;
}

void PrintEnvironment(const RoundCounts& counts) {
  utsname name;
  ::uname(&name);
  std::printf("cpu: %s\nkernel: %s\nkvm: %s\nrdtsc: %.1f ns\n", CpuInfo("model name").c_str(),
              name.release, KindOfKvm(), RdtscNs());
  std::printf("%zu passes of %zu rounds of 3 x %zu exits\n\n", counts.passes, counts.rounds,
              counts.exits);
  std::printf("%-36s %8s %8s  %-21s %s\n", "scenario", "raw ns", "ours ns", "ours / raw",
              "raw / raw");
}

void PrintRow(const char* name, const ExitSummary& summary) {
  std::printf("%-36s %8.0f %8.0f  %.3f (%.3f-%.3f)   %.3f (%.3f-%.3f)\n", name, summary.raw_ns,
              summary.ours_ns, summary.ours.median, summary.ours.low, summary.ours.high,
              summary.again.median, summary.again.low, summary.again.high);
  std::fflush(stdout);
}

// This processor for all threads from here on.
void StayHere() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(::sched_getcpu()), &set);
  ::sched_setaffinity(0, sizeof(set), &set);
}

bool IsWanted(const char* name, int argc, char** argv) {
  bool wanted = argc == 1;
  for (int i = 1; i < argc; ++i) wanted |= absl::StrContains(name, argv[i]);
  return wanted;
}

int Main(int argc, char** argv) {
  const RoundCounts counts;
  StayHere();
  PrintEnvironment(counts);
  for (const ExitScenario& scenario : ExitScenarios()) {
    if (!IsWanted(scenario.name, argc, argv)) continue;
    const absl::StatusOr<ExitSummary> summary = RunExitRounds(scenario, counts);
    if (!summary.ok()) {
      std::fprintf(stderr, "%s\n", summary.status().ToString().c_str());
      return 1;
    }
    PrintRow(scenario.name, *summary);
  }
  return 0;
}

}  // namespace
}  // namespace hvkit::vcpu

int main(int argc, char** argv) { return hvkit::vcpu::Main(argc, argv); }
