// What a back end that plays the hypervisor in user space adds to the run loop of one vCPU: calls
// of the guest through a port, and work that must be done before the guest is entered.
#ifndef HVKIT_VCPU_RUN_HOOKS_H_
#define HVKIT_VCPU_RUN_HOOKS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hvkit::vcpu {

// Whose an OUT to the hooked port was.
enum class PortClaim : uint8_t {
  kTaken,     // it was for the back end
  kOrdinary,  // port I/O like any other
};

// *VP thread*: one object per vCPU. An error ends the vCPU's run.
class RunHooks {
 public:
  virtual ~RunHooks() = default;

  // The guest executed an OUT of one byte to the hooked port. No buffer, lock or allocation stands
  // between the exit and this. For state that KVM must have completed the exit for:
  // Runner::CompletePendingExit.
  [[nodiscard]] virtual absl::StatusOr<PortClaim> OnHookedPort() = 0;

  // The entry gate held a request. An exit may still be pending.
  [[nodiscard]] virtual absl::Status BeforeEntry() = 0;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_RUN_HOOKS_H_
