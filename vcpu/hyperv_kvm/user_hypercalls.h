// The hypercalls of the user back end: the model's dispatcher and standard calls over KVM's vCPUs.
//
// What the calls need of a host is here: TLB flushes through entry gates, IPIs as interrupts of the
// back end's sink, a yield of the thread for long spins, starts of VPs. VP index and APIC id are
// the same number.
#ifndef HVKIT_VCPU_HYPERV_KVM_USER_HYPERCALLS_H_
#define HVKIT_VCPU_HYPERV_KVM_USER_HYPERCALLS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/host/boot_zeroed_memory.h"
#include "hyperv/host/connections.h"
#include "hyperv/host/debug_channel.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/spin_waiter.h"
#include "hyperv/host/vp_register_access.h"
#include "hyperv/host/vp_starter.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/dispatcher.h"
#include "hyperv/hypercall/standard_calls.h"
#include "hyperv/partition/partition.h"
#include "hyperv/policy/policy.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"
#include "vcpu/hyperv_kvm/tlb_flush.h"
#include "vcpu/hyperv_kvm/user_vp.h"
#include "vcpu/kvm_runner.h"

namespace hvkit::vcpu {

// Lets other threads have the processor.
class YieldingSpinWaiter final : public hyperv::SpinWaiter {
 public:
  void OnLongSpin(hyperv::VpIndex caller, uint32_t tries) override;
};

// APIC ids from 0 on, in the order of the VPs. Immutable.
class SequentialApicIds final : public hyperv::ApicIds {
 public:
  explicit SequentialApicIds(uint32_t vp_count) : vp_count_(vp_count) {}
  std::optional<hyperv::VpIndex> FindVp(uint32_t apic_id) const override;

 private:
  const uint32_t vp_count_;
};

// Made by one thread before the vCPUs run; from then on the calls are *VP thread*.
class UserHypercalls final : public hyperv::VpStarter {
 public:
  // How calls arrive, and what KVM can do for them.
  struct Options {
    uint8_t port = 0;
    uint64_t sync_sets = 0;  // KVM_CAP_SYNC_REGS
    hyperv::FlushPolicy flush = {};
  };
  // All outlive this object; what may be null is not offered.
  struct Host {
    hyperv::Partition& partition;
    hyperv::GuestMemory& memory;
    hyperv::InterruptSink& interrupts;
    GateTlbFlusher::KickVp kick;
    hyperv::Connections* connections = nullptr;
    hyperv::DebugChannel* debug = nullptr;
    const hyperv::BootZeroedMemory* boot_zeroed = nullptr;
    hyperv::VpRegisterAccess* registers = nullptr;
  };

  // Hooks the runners of VP 0, 1, ..., which outlive the object, once for each VP of the partition.
  // VP 0 runs, the others wait for their start.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<UserHypercalls>> Create(
      const Options& options, Host host, std::span<KvmRunner* const> runners);
  UserHypercalls(const UserHypercalls&) = delete;
  UserHypercalls& operator=(const UserHypercalls&) = delete;

  // Where an embedder adds calls of its own, before the vCPUs run.
  [[nodiscard]] hyperv::CallTable& calls() { return table_; }
  // *VP thread*: this VP has made an MSR exit.
  void NoteMsrExit(hyperv::VpIndex vp) { vps_[vp.value()]->NoteMsrExit(); }

  // Thread-safe.
  std::optional<hyperv::tlfs::HvStatus> Start(
      hyperv::VpIndex caller, hyperv::VpIndex vp,
      const hyperv::tlfs::InitialVpContext& context) override;

 private:
  explicit UserHypercalls(Host host);

  void AddVps(const Options& options, std::span<KvmRunner* const> runners);
  [[nodiscard]] absl::Status AddCalls(const Options& options);

  const Host host_;
  hyperv::CallTable table_;
  const hyperv::Dispatcher dispatcher_;
  std::vector<std::unique_ptr<UserVp>> vps_;
  std::optional<GateTlbFlusher> flusher_;
  YieldingSpinWaiter spin_;
  const SequentialApicIds apic_ids_;
  std::optional<hyperv::StandardCalls> standard_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_USER_HYPERCALLS_H_
