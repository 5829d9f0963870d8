// One VP of the user back end as its run loop sees it: its hypercalls, and what other VPs ask it to
// do before it enters the guest again (flush its TLB, start).
#ifndef HVKIT_VCPU_HYPERV_KVM_USER_VP_H_
#define HVKIT_VCPU_HYPERV_KVM_USER_VP_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/host/ids.h"
#include "hyperv/hypercall/dispatcher.h"
#include "hyperv/partition/hypercall_page.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"
#include "vcpu/entry_gate.h"
#include "vcpu/hyperv_kvm/hypercall_port.h"
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
    SregsForm sregs_form;
  };

  // Whether the VP waits for INIT and SIPI, or for a start by hypercall.
  enum class Boot : uint8_t { kRuns, kWaits };

  UserVp(hyperv::VpIndex vp, Boot boot, KvmRunner& runner, const Surroundings& surroundings);

  // Puts it into its runner's loop.
  void Hook(uint8_t port) { runner_.SetHooks(*this, gate_, port); }
  EntryGate& gate() { return gate_; }

  // The VP has made an MSR exit.
  void NoteMsrExit() {
    NoteRunning();
    port_.NoteOtherExit();
  }
  // The VP is to start with that context at its next entry: the caller requests one. Thread-safe.
  // kInvalidVpState: it runs or is being started; kInvalidRegisterValue: see IsPossible.
  [[nodiscard]] hyperv::tlfs::HvStatus RequestStart(const hyperv::tlfs::InitialVpContext& context);

  [[nodiscard]] absl::StatusOr<PortClaim> OnHookedPort() override;
  [[nodiscard]] absl::Status BeforeEntry() override;

 private:
  enum class State : uint8_t {
    kWaiting,
    kBeingStarted,  // start_ is being written
    kToStart,
    kRunning,
  };

  // The VP has done something that only a running one does.
  void NoteRunning() { state_.store(State::kRunning, std::memory_order_relaxed); }

  KvmRunner& runner_;
  const SregsForm sregs_form_;
  EntryGate gate_;
  HypercallPort port_;
  std::atomic<State> state_;
  hyperv::tlfs::InitialVpContext start_{};  // of whoever has made state_ kBeingStarted
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_USER_VP_H_
