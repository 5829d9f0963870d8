// What each step of a virtual machine's life costs on this machine's /dev/kvm, from opening it to
// closing everything: this package beside raw C, in paired rounds of one life each. Wall time.
// Names are those of the peers' measurements. Flags: --benchmark_filter=REGEX,
// --benchmark_out=FILE.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "testing/benchmarks/paired_report.h"
#include "testing/benchmarks/paired_samples.h"
#include "vcpu/life_cycle.h"
#include "vcpu/life_steps.h"
#include "vcpu/raw_life.h"

namespace hvkit::vcpu {
namespace {

// Closing takes some 15 ms, and nothing else much: 7 seconds in all.
constexpr benchmarks::RoundCounts kCounts{.passes = 9, .rounds = 15, .operations = 1};

void AddAll(const absl::StatusOr<LifeSummaries>& summaries, benchmarks::PairedReport& report) {
  if (!summaries.ok()) return report.Add(kLifeStepNames.front(), summaries.status());
  for (size_t step = 0; step < kLifeSteps; ++step) {
    const char* const name = kLifeStepNames[step];
    if (report.Wants(name)) report.Add(name, (*summaries)[step]);
  }
}

int Main(int argc, char** argv) {
  std::optional<benchmarks::PairedOptions> options = benchmarks::PairedOptions::Parse(argc, argv);
  if (!options.has_value()) return 2;
  benchmarks::PairedReport report(*std::move(options), kCounts);
  const auto wanted = [&report](const char* name) { return report.Wants(name); };
  if (std::any_of(kLifeStepNames.begin(), kLifeStepNames.end(), wanted)) {
    AddAll(RunLifeRounds(kCounts, RawLife, OurLife), report);
  }
  return report.Finish();
}

}  // namespace
}  // namespace hvkit::vcpu

int main(int argc, char** argv) { return hvkit::vcpu::Main(argc, argv); }
