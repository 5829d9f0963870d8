// The hypercalls that KVM leaves to user space (KVM_EXIT_HYPERV_HCALL): the model's dispatcher and
// standard calls behind KVM's own checks. Sources: kvm_hv_hypercall() in Linux; the kernel's KVM
// API documentation, KVM_EXIT_HYPERV.
//
// KVM forwards HvCallPostMessage, HvCallSignalEvent unless it signals a descriptor itself, the
// debugger's calls, and extended calls where it knows them (Linux 6.3). It has judged the caller's
// mode, its privilege and the reserved bits by then, and of some calls whether they are fast; the
// dispatcher judges everything as on the user back end. No call that KVM forwards needs XMM
// registers, or to be executed again.
#ifndef HVKIT_VCPU_HYPERV_KVM_KERNEL_HYPERCALLS_H_
#define HVKIT_VCPU_HYPERV_KVM_KERNEL_HYPERCALLS_H_

#include <cstdint>

#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/dispatcher.h"
#include "hyperv/hypercall/standard_calls.h"
#include "kvm_ioctls/exit.h"

namespace hvkit::vcpu {

// *thread-safe*: each VP calls on its own thread.
class KernelHypercalls {
 public:
  // What `host` has is offered, as far as KVM forwards it. `memory` and what is in `host` outlive
  // the object.
  KernelHypercalls(const hyperv::EnlightenmentSet& in_force, const hyperv::HypercallHost& host,
                   hyperv::GuestMemory& memory);
  KernelHypercalls(const KernelHypercalls&) = delete;
  KernelHypercalls& operator=(const KernelHypercalls&) = delete;

  // The result word of a call that KVM has forwarded.
  [[nodiscard]] uint64_t Complete(hyperv::VpIndex caller, const kvm::HypervExit::Hcall& call) const;

 private:
  hyperv::StandardCalls calls_;
  hyperv::CallTable table_;
  const hyperv::Dispatcher dispatcher_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_KERNEL_HYPERCALLS_H_
