// One VP of the user back end as its run loop sees it: its hypercalls, and what other VPs ask it to
// do before it enters the guest again (flush its TLB, start).
#ifndef HVKIT_VCPU_HYPERV_KVM_USER_VP_H_
#define HVKIT_VCPU_HYPERV_KVM_USER_VP_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/host/ids.h"
#include "hyperv/hypercall/dispatcher.h"
#include "hyperv/partition/hypercall_page.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"
#include "vcpu/entry_gate.h"
#include "vcpu/hyperv_kvm/hypercall_port.h"
#include "vcpu/hyperv_kvm/start_request.h"
#include "vcpu/hyperv_kvm/tlb_flush.h"
#include "vcpu/kvm_runner.h"
#include "vcpu/run_hooks.h"

namespace hvkit::vcpu {

// *VP thread*, but for RequestStart and the gate.
class UserVp final : public RunHooks {
 public:
  // What it calls; all outlive it.
  struct Surroundings {
    const hyperv::HypercallPage& page;
    const hyperv::Dispatcher& dispatcher;
    uint64_t sync_sets;  // KVM_CAP_SYNC_REGS
  };

  // kWaits: for INIT and SIPI, or for a start by hypercall.
  UserVp(hyperv::VpIndex vp, StartRequest::Boot boot, KvmRunner& runner,
         const Surroundings& surroundings);

  // Puts it into its runner's loop.
  void Hook(uint8_t port) { runner_.SetHooks(*this, gate_, port); }
  EntryGate& gate() { return gate_; }

  // The VP has made an MSR exit.
  void NoteMsrExit() {
    NoteRunning();
    port_.NoteOtherExit();
  }
  // `caller` wants the VP to start with that context, at its next entry: the caller requests one.
  // Nothing: the answer is known after that entry, to who asks again. Thread-safe.
  // kInvalidVpState: it runs or is being started; kInvalidRegisterValue: see IsPossible, or KVM
  // refuses it.
  [[nodiscard]] std::optional<hyperv::tlfs::HvStatus> RequestStart(
      hyperv::VpIndex caller, const hyperv::tlfs::InitialVpContext& context);

  [[nodiscard]] absl::StatusOr<PortClaim> OnHookedPort() override;
  [[nodiscard]] absl::Status BeforeEntry() override;

 private:
  void NoteRunning() { start_.NoteRunning(); }

  KvmRunner& runner_;
  EntryGate gate_;
  HypercallPort port_;
  StartRequest start_;
  VcpuTlb tlb_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_USER_VP_H_
