// What exit_benchmark measures. Names of scenarios without the back end are those of the peers'
// measurements.
#ifndef HVKIT_VCPU_HYPERV_KVM_EXIT_SCENARIOS_H_
#define HVKIT_VCPU_HYPERV_KVM_EXIT_SCENARIOS_H_

#include <span>

#include "vcpu/hyperv_kvm/exit_rounds.h"

namespace hvkit::vcpu {

[[nodiscard]] std::span<const ExitScenario> ExitScenarios();

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_EXIT_SCENARIOS_H_
