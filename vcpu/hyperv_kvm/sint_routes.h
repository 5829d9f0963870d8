// SINTs of KVM's own SynICs as descriptors: one that raises the SINT, and one by which KVM tells
// that the guest is done with it, after EOM or the EOI of its vector. Sources: the kernel's KVM API
// documentation, KVM_SET_GSI_ROUTING (KVM_IRQ_ROUTING_HV_SINT) and KVM_IRQFD
// (KVM_IRQFD_FLAG_RESAMPLE); kvm_hv_notify_acked_sint() in Linux.
//
// What is in the message page or the event flags is not here.
#ifndef HVKIT_VCPU_HYPERV_KVM_SINT_ROUTES_H_
#define HVKIT_VCPU_HYPERV_KVM_SINT_ROUTES_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "hyperv/host/ids.h"
#include "kvm_ioctls/fam.h"
#include "kvm_ioctls/unique_fd.h"
#include "kvm_ioctls/vm.h"
#include "vcpu/fd_listener.h"

namespace hvkit::vcpu {

// GSIs that KVM_CREATE_IRQCHIP routes to the PICs and the I/O APIC.
inline constexpr uint32_t kIrqchipGsis = 24;
// KVM_CAP_IRQ_ROUTING on x86.
inline constexpr uint32_t kMaxGsis = 4096;

// The table that the kernel starts with, and behind it the SINTs of VP 0 to vp_count - 1, as many
// as there are GSIs for.
[[nodiscard]] kvm::IrqRouting RoutingWithSints(uint32_t vp_count);

// Routes that were opened stay until the VM goes: two descriptors for each, at most 16 for each VP.
// *Thread-safe*: mutex_ orders the opening; an open route is found without it.
class SintRoutes {
 public:
  // Runs on the listener's thread.
  using OnAck = std::function<void(hyperv::VpIndex)>;

  // `vm` outlives the routes, and they the listener.
  SintRoutes(const kvm::Vm& vm, uint32_t vp_count, OnAck on_ack);
  ~SintRoutes();
  SintRoutes(const SintRoutes&) = delete;
  SintRoutes& operator=(const SintRoutes&) = delete;

  // Once; before the first Open.
  void set_listener(FdListener& listener) { listener_ = &listener; }

  // Makes the SINT one that can be raised; nothing if it is already. All vCPUs have their SynICs by
  // then: the first call replaces the VM's table of GSIs. ResourceExhausted: no GSI or descriptor.
  [[nodiscard]] absl::Status Open(hyperv::VpIndex vp, hyperv::SintIndex sint)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The rest does nothing for a SINT that is not open.

  // Interrupts as the guest has programmed the SINT; not while it is masked.
  void Raise(hyperv::VpIndex vp, hyperv::SintIndex sint) const;
  // Forgets what KVM has told so far.
  void ForgetAcks(hyperv::VpIndex vp, hyperv::SintIndex sint) const;
  // OnAck runs once, when KVM tells or has told since ForgetAcks that the guest is done.
  void AwaitAck(hyperv::VpIndex vp, hyperv::SintIndex sint) const;

 private:
  struct Route {
    kvm::UniqueFd raise;
    kvm::UniqueFd ack;
    FdListener::Token token{};
  };

  [[nodiscard]] absl::Status InstallTable() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] absl::Status Connect(uint32_t gsi, hyperv::VpIndex vp, Route& route);
  [[nodiscard]] const Route* Find(hyperv::VpIndex vp, hyperv::SintIndex sint) const;
  static uint32_t IndexOf(hyperv::VpIndex vp, hyperv::SintIndex sint);

  const kvm::Vm& vm_;
  const uint32_t vp_count_;
  const OnAck on_ack_;
  FdListener* listener_ = nullptr;
  std::vector<std::atomic<const Route*>> open_;  // by IndexOf; null: not open

  absl::Mutex mutex_;
  bool table_installed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::unique_ptr<Route>> routes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_SINT_ROUTES_H_
