// The model's interrupts as MSIs: KVM_SIGNAL_MSI to a local APIC in the kernel, fixed delivery,
// edge trigger, physical destination. Sources: the kernel's KVM API documentation, KVM_SIGNAL_MSI
// and KVM_CAP_X2APIC_API; Intel SDM volume 3, "Message Signalled Interrupts".
//
// Whether an interrupt ends by itself is a property of its vector (auto_eoi.h), not of the message.
// Where AutoEOI is not supported, a SINT that asks for it is delivered as an ordinary interrupt,
// for which the guest must write EOI. CPUID tells guests not to use AutoEOI, supported or not.
#ifndef HVKIT_VCPU_HYPERV_KVM_MSI_INTERRUPT_SINK_H_
#define HVKIT_VCPU_HYPERV_KVM_MSI_INTERRUPT_SINK_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/vm.h"

namespace hvkit::vcpu {

// The first APIC id that an MSI cannot name without KVM_CAP_X2APIC_API: 0xFF is everyone.
inline constexpr uint32_t kFirstX2ApicOnlyId = 0xFF;

// Lets MSIs name APIC ids of 32 bits and 0xFF name one APIC (KVM_CAP_X2APIC_API, both flags).
// Before local APICs are read or written: the format of their state changes. Needed only for APIC
// ids from kFirstX2ApicOnlyId on.
[[nodiscard]] absl::Status EnableX2ApicIds(const kvm::Vm& vm);

// The message that interrupts the local APIC with this id.
[[nodiscard]] kvm_msi FixedInterruptMessage(uint32_t apic_id, hyperv::Vector vector);

// *Thread-safe*.
class MsiInterruptSink final : public hyperv::InterruptSink {
 public:
  // `apic_ids` are those of VP 0, 1, ...; a vCPU's APIC id is the number given to KVM_CREATE_VCPU.
  // `vm` outlives this object.
  MsiInterruptSink(const kvm::Vm& vm, std::vector<uint32_t> apic_ids,
                   bool supports_auto_eoi = false);

  void RequestFixed(hyperv::VpIndex vp, hyperv::Vector vector, hyperv::EoiMode eoi) override;
  bool SupportsAutoEoi() const override { return supports_auto_eoi_; }

  // Interrupts that the guest's APIC did not take (it is switched off) or KVM refused.
  [[nodiscard]] uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  const kvm::Vm& vm_;
  const std::vector<uint32_t> apic_ids_;
  const bool supports_auto_eoi_;
  std::atomic<uint64_t> dropped_{0};
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_MSI_INTERRUPT_SINK_H_
