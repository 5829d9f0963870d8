// Exit-less EOI on the user back end: KVM's own PV EOI on the first word of the VP assist page. Its
// protocol is the one of the page's APIC assist word: KVM sets bit 0 when the guest may leave out
// the EOI, the guest clears it instead. Sources: TLFS vp-properties.md, "Virtual Processor Assist
// Page"; MSR_KVM_PV_EOI_EN in the kernel's Documentation/virt/kvm/x86/msr.rst.
//
// Where the processor virtualises the APIC (APICv, AVIC) KVM never sets the bit, and EOI does not
// exit anyway.
#ifndef HVKIT_VCPU_HYPERV_KVM_PV_EOI_H_
#define HVKIT_VCPU_HYPERV_KVM_PV_EOI_H_

#include <optional>

#include "absl/status/status.h"
#include "hyperv/host/ids.h"
#include "kvm_ioctls/vcpu.h"

namespace hvkit::vcpu {

// Makes the first word of `assist_page`, which must have RAM, the vCPU's APIC assist word; nothing:
// it has none. *VP thread*, or before it runs.
[[nodiscard]] absl::Status SetPvEoi(const kvm::Vcpu& vcpu, std::optional<hyperv::Gpn> assist_page);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_PV_EOI_H_
