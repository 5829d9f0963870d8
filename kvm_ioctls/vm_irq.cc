#include "kvm_ioctls/vm_irq.h"

#include "kvm_ioctls/status_macros.h"

namespace hvkit::kvm {

absl::Status VmIrq::CreateIrqchip() const { return Do(HVKIT_IOCTL_ID(KVM_CREATE_IRQCHIP), 0); }

absl::Status VmIrq::GetIrqchip(kvm_irqchip& chip) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_GET_IRQCHIP), &chip, {{"chip_id", chip.chip_id}});
}

absl::Status VmIrq::SetIrqchip(const kvm_irqchip& chip) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_IRQCHIP), &chip, {{"chip_id", chip.chip_id}});
}

absl::Status VmIrq::CreatePit2(const kvm_pit_config& config) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_CREATE_PIT2), &config, {{"flags", config.flags}});
}

absl::StatusOr<kvm_pit_state2> VmIrq::GetPit2() const {
  return Get<kvm_pit_state2>(HVKIT_IOCTL_ID(KVM_GET_PIT2));
}

absl::Status VmIrq::SetPit2(const kvm_pit_state2& state) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_PIT2), &state, {{"flags", state.flags}});
}

absl::Status VmIrq::ReinjectControl(const kvm_reinject_control& control) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_REINJECT_CONTROL), &control,
               {{"pit_reinject", control.pit_reinject}});
}

absl::Status VmIrq::IrqLine(const kvm_irq_level& level) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_IRQ_LINE), &level, {{"irq", level.irq}, {"level", level.level}});
}

absl::StatusOr<int> VmIrq::IrqLineStatus(kvm_irq_level level) const {
  const Operands operands = {{"irq", level.irq}, {"level", level.level}};
  HVKIT_RETURN_IF_ERROR(DoPtr(HVKIT_IOCTL_ID(KVM_IRQ_LINE_STATUS), &level, operands));
  return level.status;
}

absl::StatusOr<int> VmIrq::SignalMsi(const kvm_msi& msi) const {
  return CallPtr(
      HVKIT_IOCTL_ID(KVM_SIGNAL_MSI), &msi,
      {{"address_lo", msi.address_lo}, {"address_hi", msi.address_hi}, {"data", msi.data}});
}

absl::Status VmIrq::SetGsiRouting(const IrqRouting& routing) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_GSI_ROUTING), routing.get(), {{"nr", routing.size()}});
}

absl::Status VmIrq::Irqfd(const kvm_irqfd& irqfd) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_IRQFD), &irqfd,
               {{"fd", static_cast<int>(irqfd.fd)},
                {"gsi", irqfd.gsi},
                {"flags", irqfd.flags},
                {"resamplefd", static_cast<int>(irqfd.resamplefd)}});
}

absl::Status VmIrq::Ioeventfd(const kvm_ioeventfd& ioeventfd) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_IOEVENTFD), &ioeventfd,
               {{"fd", ioeventfd.fd},
                {"addr", ioeventfd.addr},
                {"len", ioeventfd.len},
                {"flags", ioeventfd.flags}});
}

absl::Status VmIrq::HypervEventfd(const kvm_hyperv_eventfd& eventfd) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_HYPERV_EVENTFD), &eventfd,
               {{"conn_id", eventfd.conn_id}, {"fd", eventfd.fd}, {"flags", eventfd.flags}});
}

}  // namespace hvkit::kvm
