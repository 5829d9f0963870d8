// What it takes to get a VP's attention: a kick of a vCPU that runs on another processor, and a
// deadline; ours beside raw C in paired rounds. Kicks need /dev/kvm. Names are those of the peers'
// measurements. Flags: --benchmark_filter=REGEX, --benchmark_out=FILE.
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "testing/benchmarks/paired_report.h"
#include "testing/benchmarks/paired_samples.h"
#include "vcpu/hyperv_kvm/timer_rounds.h"
#include "vcpu/kick_rounds.h"

namespace hvkit::vcpu {
namespace {

constexpr benchmarks::RoundCounts kCounts{.passes = 9, .rounds = 16, .operations = 20};

struct Scenario {
  const char* name;
  absl::StatusOr<benchmarks::PairedSummary> (*run)(const benchmarks::RoundCounts& counts);
};
constexpr Scenario kScenarios[] = {
    {"kick: pthread_kill -> KVM_RUN returns on the other CPU (wall)", RunKickRounds},
    {"timerfd_settime", RunArmRounds},
    {"timerfd(ABS,100us) read lateness (wall)", RunLatenessRounds},
};

int Main(int argc, char** argv) {
  std::optional<benchmarks::PairedOptions> options = benchmarks::PairedOptions::Parse(argc, argv);
  if (!options.has_value()) return 2;
  benchmarks::PairedReport report(*std::move(options), kCounts);
  for (const auto& [name, run] : kScenarios) {
    if (report.Wants(name)) report.Add(name, run(kCounts));
  }
  return report.Finish();
}

}  // namespace
}  // namespace hvkit::vcpu

int main(int argc, char** argv) { return hvkit::vcpu::Main(argc, argv); }
