// The host's side of KVM's own SynICs: messages and event flags for the guest, and the guest's for
// the host. KVM keeps the registers, the timers and their messages; the pages are filled here, by
// the same slots, queues and ports as on the model's SynICs (hyperv/synic), whose registers follow
// KVM's. Sources: the kernel's KVM API documentation, KVM_EXIT_HYPERV_SYNIC,
// KVM_IRQ_ROUTING_HV_SINT and KVM_HYPERV_EVENTFD; arch/x86/kvm/hyperv.c in Linux.
//
// A message goes into the page on its VP's thread, outside of KVM_RUN, since KVM puts the timers'
// there within KVM_RUN and takes no lock. One that finds its slot busy waits until KVM tells, by
// the SINT's resample descriptor, that the guest is done; so nothing polls. KVM does not tell the
// SINT registers: whether one is masked is known to KVM only, which then drops the interrupt.
#ifndef HVKIT_VCPU_HYPERV_KVM_KERNEL_SYNIC_H_
#define HVKIT_VCPU_HYPERV_KVM_KERNEL_SYNIC_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/vp_scheduler.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/synic/connection_handlers.h"
#include "hyperv/synic/device_synic.h"
#include "hyperv/synic/model_synic.h"
#include "hyperv/synic/synic.h"
#include "hyperv/synic/synic_ports.h"
#include "hyperv/tlfs/synic.h"
#include "kvm_ioctls/exit.h"
#include "kvm_ioctls/vm.h"
#include "vcpu/fd_listener.h"
#include "vcpu/hyperv_kvm/sint_routes.h"

namespace hvkit::vcpu {

// Made by one thread, before vCPUs run and after their SynICs were enabled; then as its methods
// say. One thread of its own waits for descriptors.
class KernelSynic final : public hyperv::DeviceSynic {
 public:
  // What KVM and the machine have.
  struct Options {
    uint32_t vp_count = 1;
    // Whether KVM signals descriptors for HvCallSignalEvent (KVM_CAP_HYPERV_EVENTFD); without it
    // the call exits.
    bool has_event_descriptors = true;
  };
  // All outlive the object.
  struct Host {
    const kvm::Vm& vm;
    hyperv::GuestMemory& memory;
    // Makes the VP's thread call OnKicked before it enters the guest again; must not block.
    std::function<void(hyperv::VpIndex)> kick;
  };

  // Errors are the system's: no descriptor to be had.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<KernelSynic>> Create(const Options& options,
                                                                           const Host& host);

  // KVM_EXIT_HYPERV_SYNIC of this VP: its SCONTROL, SIEFP or SIMP has changed. VP thread.
  void OnExit(hyperv::VpIndex vp, const kvm::HypervExit::Synic& exit);
  // Delivers what has been posted to the VP, as far as slots are free. VP thread.
  void OnKicked(hyperv::VpIndex vp);

  // What the guest's PostMessage and SignalEvent are for. Thread-safe.
  [[nodiscard]] hyperv::Connections& connections() { return ports_; }

  // DeviceSynic. Thread-safe. A handler of events is called on a thread of this object's for what
  // KVM signals; who the caller was is not known then (VP 0), and the guest has had its success.
  [[nodiscard]] absl::StatusOr<std::unique_ptr<hyperv::SintRoute>> OpenRoute(
      hyperv::VpIndex vp, hyperv::SintIndex sint, hyperv::tlfs::PortId port) override;
  [[nodiscard]] absl::StatusOr<std::unique_ptr<hyperv::DeviceConnection>> ConnectMessages(
      hyperv::tlfs::ConnectionId id, hyperv::MessageHandler& handler) override;
  [[nodiscard]] absl::StatusOr<std::unique_ptr<hyperv::DeviceConnection>> ConnectEvents(
      hyperv::tlfs::ConnectionId id, hyperv::EventHandler& handler) override;

 private:
  // The models' interrupts, which name the SINT, to the SINT's descriptor.
  class Sink final : public hyperv::InterruptSink {
   public:
    explicit Sink(const SintRoutes& routes) : routes_(routes) {}
    void RequestFixed(hyperv::VpIndex vp, hyperv::Vector vector, hyperv::EoiMode eoi) override;
    bool SupportsAutoEoi() const override { return true; }

   private:
    const SintRoutes& routes_;
  };
  class Scheduler final : public hyperv::VpScheduler {
   public:
    explicit Scheduler(std::function<void(hyperv::VpIndex)> kick) : kick_(std::move(kick)) {}
    void Kick(hyperv::VpIndex vp) override { kick_(vp); }
    void SetDeadline(hyperv::VpIndex, std::optional<hyperv::RefTime>) override {}  // no timers here

   private:
    const std::function<void(hyperv::VpIndex)> kick_;
  };

  KernelSynic(const Options& options, const Host& host);

  [[nodiscard]] hyperv::Synic* Find(hyperv::VpIndex vp);
  // Asks to be kicked when the guest is done with the slots that messages wait for.
  void AwaitSlots(hyperv::VpIndex vp, const hyperv::Synic& synic) const;

  const Options options_;
  const kvm::Vm& vm_;
  Scheduler scheduler_;
  SintRoutes routes_;
  Sink sink_;
  hyperv::OverlayMap overlays_;
  std::vector<std::unique_ptr<hyperv::Synic>> synics_;  // by VP index; immutable
  hyperv::SynicPorts ports_;
  hyperv::ModelSynic model_;
  std::unique_ptr<FdListener> listener_;  // last: its thread ends first
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_KERNEL_SYNIC_H_
