#include "testing/benchmarks/scenario.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace hvkit::benchmarks {
namespace {

std::vector<Scenario>& Registry() {
  static std::vector<Scenario> scenarios;
  return scenarios;
}

// What the others are compared with: the loop itself, and a yardstick for the machine.
void AddYardsticks() {
  AddScenario("(harness) empty loop with black_box",
              [] { return [nothing = uint64_t{0}] { Keep(nothing); }; });
  AddScenario("rdtsc", [] { return [] { Keep(__builtin_ia32_rdtsc()); }; });
}
[[maybe_unused]] const int kAdded = (AddYardsticks(), 0);

}  // namespace

std::span<const Scenario> Scenarios() { return Registry(); }

void internal::AddScenario(Scenario scenario) { Registry().push_back(std::move(scenario)); }

}  // namespace hvkit::benchmarks
