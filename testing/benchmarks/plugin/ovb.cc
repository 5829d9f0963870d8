#include "testing/benchmarks/plugin/ovb.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "testing/benchmarks/scenario.h"

namespace hvkit::benchmarks {
namespace {

Loop& LoopOfScenario(size_t scenario) {
  static std::vector<std::unique_ptr<Loop>> loops(Scenarios().size());
  if (loops[scenario] == nullptr) loops[scenario] = Scenarios()[scenario].make_loop();
  return *loops[scenario];
}

}  // namespace
}  // namespace hvkit::benchmarks

size_t ovb_count() { return hvkit::benchmarks::Scenarios().size(); }

const char* ovb_name(size_t scenario) {
  const std::span scenarios = hvkit::benchmarks::Scenarios();
  return scenario < scenarios.size() ? scenarios[scenario].name.c_str() : nullptr;
}

void ovb_run(size_t scenario, uint64_t iterations) {
  if (scenario < ovb_count()) hvkit::benchmarks::LoopOfScenario(scenario).Run(iterations);
}
