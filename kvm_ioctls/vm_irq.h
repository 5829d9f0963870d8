// A VM's interrupts and events: the in-kernel irqchips and PIT, lines, MSIs, routing, irqfd,
// ioeventfd. A base of Vm: use it through that.
#ifndef HVKIT_KVM_IOCTLS_VM_IRQ_H_
#define HVKIT_KVM_IOCTLS_VM_IRQ_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvm_ioctls/fam.h"
#include "kvm_ioctls/vm_memory.h"

namespace hvkit::kvm {

// *Thread-safe*: the kernel serialises.
class VmIrq : public VmMemory {
 public:
  // KVM_CREATE_IRQCHIP (KVM_CAP_IRQCHIP): PICs, IOAPIC and a local APIC per vCPU, all in the
  // kernel. Before the first vCPU. EEXIST: there is one; EINVAL: vCPUs exist.
  [[nodiscard]] absl::Status CreateIrqchip() const;
  // KVM_GET_IRQCHIP: fills the state of chip.chip_id (KVM_IRQCHIP_PIC_MASTER, _SLAVE or _IOAPIC).
  // ENXIO: no irqchip.
  [[nodiscard]] absl::Status GetIrqchip(kvm_irqchip& chip) const;
  // KVM_SET_IRQCHIP: sets it.
  [[nodiscard]] absl::Status SetIrqchip(const kvm_irqchip& chip) const;

  // KVM_CREATE_PIT2 (KVM_CAP_PIT2): an i8254 on IRQ 0. EEXIST: there is one.
  [[nodiscard]] absl::Status CreatePit2(const kvm_pit_config& config) const;
  // KVM_GET_PIT2 (KVM_CAP_PIT_STATE2). ENXIO: no PIT.
  [[nodiscard]] absl::StatusOr<kvm_pit_state2> GetPit2() const;
  // KVM_SET_PIT2 (KVM_CAP_PIT_STATE2).
  [[nodiscard]] absl::Status SetPit2(const kvm_pit_state2& state) const;
  // KVM_REINJECT_CONTROL (KVM_CAP_REINJECT_CONTROL): whether lost PIT ticks are injected later.
  // ENXIO: no PIT.
  [[nodiscard]] absl::Status ReinjectControl(const kvm_reinject_control& control) const;

  // KVM_IRQ_LINE (KVM_CAP_IRQCHIP): sets the level of a GSI. ENXIO: no irqchip.
  [[nodiscard]] absl::Status IrqLine(const kvm_irq_level& level) const;
  // KVM_IRQ_LINE_STATUS (KVM_CAP_IRQ_INJECT_STATUS): the same, and what became of it: > 0 vCPUs
  // that took it, 0 coalesced, < 0 masked.
  [[nodiscard]] absl::StatusOr<int> IrqLineStatus(kvm_irq_level level) const;
  // KVM_SIGNAL_MSI (KVM_CAP_SIGNAL_MSI): delivers an MSI now; > 0 delivered, 0 blocked by the
  // guest. EINVAL: no irqchip in the kernel.
  [[nodiscard]] absl::StatusOr<int> SignalMsi(const kvm_msi& msi) const;

  // KVM_SET_GSI_ROUTING (KVM_CAP_IRQ_ROUTING): replaces the whole table of GSIs (irqchip pins,
  // MSIs, KVM_IRQ_ROUTING_HV_SINT). EINVAL: no irqchip, or an entry of an unknown type.
  [[nodiscard]] absl::Status SetGsiRouting(const IrqRouting& routing) const;
  // KVM_IRQFD (KVM_CAP_IRQFD): binds an eventfd to a GSI, or with KVM_IRQFD_FLAG_DEASSIGN unbinds
  // it. With KVM_IRQFD_FLAG_RESAMPLE (KVM_CAP_IRQFD_RESAMPLE) the line stays up until the guest's
  // EOI, which signals resamplefd. EINVAL: no irqchip; EBUSY: bound already.
  [[nodiscard]] absl::Status Irqfd(const kvm_irqfd& irqfd) const;
  // KVM_IOEVENTFD (KVM_CAP_IOEVENTFD): guest writes to an address or port signal an eventfd and do
  // not exit; with KVM_IOEVENTFD_FLAG_DEASSIGN no more. EEXIST: the same binding exists; ENOENT:
  // nothing to remove.
  [[nodiscard]] absl::Status Ioeventfd(const kvm_ioeventfd& ioeventfd) const;
  // KVM_HYPERV_EVENTFD (KVM_CAP_HYPERV_EVENTFD): HvCallSignalEvent on a connection id signals an
  // eventfd and does not exit; with KVM_HYPERV_EVENTFD_DEASSIGN no more. EEXIST: the id is bound;
  // ENOENT: it is not.
  [[nodiscard]] absl::Status HypervEventfd(const kvm_hyperv_eventfd& eventfd) const;

 protected:
  using VmMemory::VmMemory;
  VmIrq(VmIrq&&) = default;
  VmIrq& operator=(VmIrq&&) = default;
  ~VmIrq() = default;
};

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_VM_IRQ_H_
