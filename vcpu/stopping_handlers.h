// Handlers that end the run at every exit: what tests and benchmarks begin with, and override where
// their guests' exits are.
#ifndef HVKIT_VCPU_STOPPING_HANDLERS_H_
#define HVKIT_VCPU_STOPPING_HANDLERS_H_

#include "kvm_ioctls/exit.h"
#include "vcpu/exit_handlers.h"

namespace hvkit::vcpu {

// Thread-safe.
class StoppingHandlers : public ExitHandlers {
 public:
  ExitAction OnMsr(kvm::MsrExit) override { return ExitAction::kStop; }
  ExitAction OnHyperv(kvm::HypervExit) override { return ExitAction::kStop; }
  ExitAction OnSystemEvent(kvm::SystemEventExit) override { return ExitAction::kStop; }
  ExitAction OnShutdown() override { return ExitAction::kStop; }
  ExitAction OnOther(kvm::Exit) override { return ExitAction::kStop; }
  ExitAction OnKicked() override { return ExitAction::kStop; }
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_STOPPING_HANDLERS_H_
