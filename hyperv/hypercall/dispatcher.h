// The hypercall interface: takes a call as its caller's registers show it, does everything that all
// calls have in common, and runs the handler of this one.
//
// TLFS: hypercall-interface.md. In this order: mode (#UD), privilege, reserved bits, call code,
// reps and variable header, then the blocks: alignment, page, GPA space. Input is copied once, and
// only the copy is looked at; output is written once. Which calls there are is call_table.h's;
// which instruction makes a call, and whether the hypercall page is there at all, is the host's.
#ifndef HVKIT_HYPERV_HYPERCALL_DISPATCHER_H_
#define HVKIT_HYPERV_HYPERCALL_DISPATCHER_H_

#include "hyperv/host/guest_memory.h"
#include "hyperv/host/hypercall_registers.h"
#include "hyperv/host/ids.h"
#include "hyperv/hypercall/call_table.h"

namespace hvkit::hyperv {

// What of XMM fast calls the guest is offered; the rest of them is #UD.
struct XmmFeatures {
  bool input = false;
  bool output = false;
};

// No state of its own, no locks, no allocation: any number of VPs may call at once, each on its
// thread.
class Dispatcher {
 public:
  // Both outlive the dispatcher.
  Dispatcher(const CallTable& table, GuestMemory& memory);

  // One execution of the hypercall instruction. Bounded: a call that would take long is answered
  // by kRetry.
  HypercallOutcome Dispatch(VpIndex caller, HypercallWords& words, XmmRegisters& xmm) const;

 private:
  const CallTable& table_;
  GuestMemory& memory_;
  const XmmFeatures xmm_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_DISPATCHER_H_
