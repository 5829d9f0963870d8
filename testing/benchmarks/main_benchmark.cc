// Measures the scenarios of this program with Google Benchmark: by default seven passes of each, in
// random order. Flags are Google Benchmark's (--help), and win over the defaults.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "testing/benchmarks/scenario.h"

namespace hvkit::benchmarks {
namespace {

void Measure(benchmark::State& state, const Scenario& scenario) {
  const std::unique_ptr<Loop> loop = scenario.make_loop();
  while (state.KeepRunningBatch(state.max_iterations)) {
    loop->Run(static_cast<uint64_t>(state.max_iterations));
  }
}

int Main(int argc, char** argv) {
  char repetitions[] = "--benchmark_repetitions=7";
  char interleaving[] = "--benchmark_enable_random_interleaving=true";
  char min_time[] = "--benchmark_min_time=0.05";
  std::vector<char*> arguments = {argv[0], repetitions, interleaving, min_time};
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  for (const Scenario& scenario : Scenarios()) {
    benchmark::RegisterBenchmark(scenario.name.c_str(), Measure, scenario);
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace hvkit::benchmarks

int main(int argc, char** argv) { return hvkit::benchmarks::Main(argc, argv); }
