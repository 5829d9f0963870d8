// Whole exits on this machine's /dev/kvm: KVM_RUN, our run loop and what answers the exit, against
// a raw loop on the same vCPU in the same run, in paired rounds (exit_rounds.h).
//
// One row a scenario: the medians of both in ns of thread time an exit, ours as a ratio to the raw
// loop (median of the passes, their range), and the raw loop's ratio to itself. Flags:
// --benchmark_filter=REGEX, --benchmark_out=FILE.
#include <optional>
#include <utility>

#include "testing/benchmarks/paired_report.h"
#include "testing/benchmarks/paired_samples.h"
#include "vcpu/hyperv_kvm/exit_rounds.h"
#include "vcpu/hyperv_kvm/exit_scenarios.h"

namespace hvkit::vcpu {
namespace {

int Main(int argc, char** argv) {
  std::optional<benchmarks::PairedOptions> options = benchmarks::PairedOptions::Parse(argc, argv);
  if (!options.has_value()) return 2;
  const benchmarks::RoundCounts counts;
  benchmarks::PairedReport report(*std::move(options), counts);
  for (const ExitScenario& scenario : ExitScenarios()) {
    if (report.Wants(scenario.name)) report.Add(scenario.name, RunExitRounds(scenario, counts));
  }
  return report.Finish();
}

}  // namespace
}  // namespace hvkit::vcpu

int main(int argc, char** argv) { return hvkit::vcpu::Main(argc, argv); }
