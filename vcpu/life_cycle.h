// The life of a virtual machine, from opening /dev/kvm to closing everything: made by this package
// and kvm_ioctls, and by raw C in the same paired rounds.
#ifndef HVKIT_VCPU_LIFE_CYCLE_H_
#define HVKIT_VCPU_LIFE_CYCLE_H_

#include <array>

#include "absl/status/statusor.h"
#include "testing/benchmarks/paired_samples.h"
#include "vcpu/life_steps.h"

namespace hvkit::vcpu {

// A whole life, on the calling thread.
using Life = absl::StatusOr<LifeTimes> (*)();
// By hvkit's packages.
[[nodiscard]] absl::StatusOr<LifeTimes> OurLife();

// One for each step. The first life that fails ends it.
using LifeSummaries = std::array<benchmarks::PairedSummary, kLifeSteps>;
[[nodiscard]] absl::StatusOr<LifeSummaries> RunLifeRounds(const benchmarks::RoundCounts& counts,
                                                          Life raw, Life ours);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_LIFE_CYCLE_H_
