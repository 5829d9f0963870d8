// How long a kick takes until the kicked vCPU, which runs its guest on another processor, has left
// it: VcpuThread::Kick and a raw signal in paired rounds on one vCPU.
#ifndef HVKIT_VCPU_KICK_ROUNDS_H_
#define HVKIT_VCPU_KICK_ROUNDS_H_

#include "absl/status/statusor.h"
#include "testing/benchmarks/paired_samples.h"

namespace hvkit::vcpu {

// Wall time from before the kick: ours until ExitHandlers::OnKicked, the raw one until KVM_RUN has
// returned. The time of a batch is the median of its operations. FailedPrecondition without a
// second processor.
[[nodiscard]] absl::StatusOr<benchmarks::PairedSummary> RunKickRounds(
    const benchmarks::RoundCounts& counts);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_KICK_ROUNDS_H_
