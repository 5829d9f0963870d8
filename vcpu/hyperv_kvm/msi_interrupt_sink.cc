#include "vcpu/hyperv_kvm/msi_interrupt_sink.h"

#include <utility>

namespace hvkit::vcpu {
namespace {

constexpr uint32_t kMsiAddressBase = 0xFEE00000;
constexpr unsigned kDestinationShift = 12;
constexpr uint32_t kDestinationLow = 0xFF;  // bits 7:0 of the id: address bits 19:12

}  // namespace

absl::Status EnableX2ApicIds(const kvm::Vm& vm) {
  return vm.EnableCap(KVM_CAP_X2APIC_API,
                      KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK);
}

kvm_msi FixedInterruptMessage(uint32_t apic_id, hyperv::Vector vector) {
  kvm_msi message{};
  message.address_lo = kMsiAddressBase | (apic_id & kDestinationLow) << kDestinationShift;
  message.address_hi = apic_id & ~kDestinationLow;
  message.data = vector.value();
  return message;
}

MsiInterruptSink::MsiInterruptSink(const kvm::Vm& vm, std::vector<uint32_t> apic_ids,
                                   bool supports_auto_eoi)
    : vm_(vm), apic_ids_(std::move(apic_ids)), supports_auto_eoi_(supports_auto_eoi) {}

void MsiInterruptSink::RequestFixed(hyperv::VpIndex vp, hyperv::Vector vector, hyperv::EoiMode) {
  if (vp.value() >= apic_ids_.size()) return;
  const absl::StatusOr<int> taken =
      vm_.SignalMsi(FixedInterruptMessage(apic_ids_[vp.value()], vector));
  if (taken.value_or(0) <= 0) dropped_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace hvkit::vcpu
