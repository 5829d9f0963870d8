// What a partition's CPUID leaves cost, next to a bare rdtsc. The name is that of the peers'
// measurements.
#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "testing/benchmarks/scenario.h"

namespace hvkit::hyperv {
namespace {

using benchmarks::AddScenario;
using benchmarks::Keep;

auto Build() {
  const EnlightenmentSet in_force = {
      Enlightenment::kRelaxed, Enlightenment::kVapic,        Enlightenment::kVpIndex,
      Enlightenment::kRuntime, Enlightenment::kTime,         Enlightenment::kSynic,
      Enlightenment::kStimer,  Enlightenment::kStimerDirect, Enlightenment::kFrequencies};
  return [in_force, facts = CpuidFacts{.max_vps = 64}]() mutable {
    Keep(facts);
    Keep(BuildCpuid(in_force, facts));
  };
}
[[maybe_unused]] const int kAdded = (AddScenario("cpuid build leaves 0x40000000..6", Build), 0);

}  // namespace
}  // namespace hvkit::hyperv
