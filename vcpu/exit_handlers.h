// What the owner of a vCPU does with the exits that are not port I/O or MMIO.
//
// The payloads are views into kvm_run (kvm_ioctls/exit.h); an answer is written into the view. HLT
// is not here: with the in-kernel interrupt controller it does not exit, and without one the vCPU
// waits for a kick.
#ifndef HVKIT_VCPU_EXIT_HANDLERS_H_
#define HVKIT_VCPU_EXIT_HANDLERS_H_

#include <cstdint>

#include "kvm_ioctls/exit.h"

namespace hvkit::vcpu {

// What a vCPU's thread does after an exit.
enum class ExitAction : uint8_t {
  kContinue,  // enter the guest again
  kStop,      // end this vCPU's run; its thread ends with an OK status
};

// *VP thread*: one object per vCPU, or one that is thread-safe. Handlers allocate nothing on paths
// that a guest repeats, and never wait for another vCPU's thread.
class ExitHandlers {
 public:
  virtual ~ExitHandlers() = default;

  // A RDMSR or WRMSR that KVM left to user space: answer with SetData, SetWritten or SetError.
  virtual ExitAction OnMsr(kvm::MsrExit exit) = 0;

  // KVM_EXIT_HYPERV: a SynIC MSR was written, a hypercall awaits its result, or the debugger.
  virtual ExitAction OnHyperv(kvm::HypervExit exit) = 0;

  // The guest asked for shutdown or reset, or reported a crash.
  virtual ExitAction OnSystemEvent(kvm::SystemEventExit exit) = 0;

  // KVM_EXIT_SHUTDOWN: a triple fault. On AMD the vCPU has been through INIT by now and the
  // registers of the fault are lost.
  virtual ExitAction OnShutdown() = 0;

  // Any exit that has no method of its own (debug, TPR access, I/O APIC EOI, ...).
  virtual ExitAction OnOther(kvm::Exit exit) = 0;

  // Some thread kicked this vCPU, perhaps for something else: look for whatever may be due. Runs
  // before the guest is entered again.
  virtual ExitAction OnKicked() = 0;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_EXIT_HANDLERS_H_
