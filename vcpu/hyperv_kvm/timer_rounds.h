// What TimerfdScheduler adds to a timerfd: setting a deadline, and how late one that has come is
// told; beside raw C in paired rounds. No KVM is needed.
#ifndef HVKIT_VCPU_HYPERV_KVM_TIMER_ROUNDS_H_
#define HVKIT_VCPU_HYPERV_KVM_TIMER_ROUNDS_H_

#include "absl/status/statusor.h"
#include "testing/benchmarks/paired_samples.h"

namespace hvkit::vcpu {

// SetDeadline, which reads the reference clock too, beside timerfd_settime. Thread time.
[[nodiscard]] absl::StatusOr<benchmarks::PairedSummary> RunArmRounds(
    const benchmarks::RoundCounts& counts);

// A deadline in 100 us: how much later the VP is kicked by the scheduler's thread, beside how much
// later a blocked read returns. Wall time; that of a batch is the median of its operations.
[[nodiscard]] absl::StatusOr<benchmarks::PairedSummary> RunLatenessRounds(
    const benchmarks::RoundCounts& counts);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_TIMER_ROUNDS_H_
