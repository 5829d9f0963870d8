// SINTs with AutoEOI on the user back end: interrupts that are not in service once delivered. The
// local APIC is KVM's, and so is the knowledge which vectors end by themselves: each vCPU has a set
// of them, which is filled from the SINT registers of KVM's own SynIC. This keeps those registers
// as the guest's, as far as AutoEOI goes; the interrupt itself is then an MSI like any other.
// Sources: TLFS inter-partition-communication.md, "SINTx Registers"; synic_update_vector() and
// kvm_apic_ack_interrupt() in Linux's arch/x86/kvm.
//
// Nothing is approximated: KVM decides about delivery, priority, halted VPs and closed interrupt
// windows as for each interrupt, and no exit is added. The guest reaches none of KVM's SynIC, as
// the MSR filter stands before it. KVM's SynIC is turned on with the VP's first SINT that asks, as
// an AutoEOI vector turns APICv and AVIC off for the VM.
//
// Without KVM_CAP_HYPERV_SYNIC2 there is no exact way and AutoEOI is not supported. Injecting with
// KVM_SET_VCPU_EVENTS works only while the guest takes interrupts, and nothing tells user space
// when that begins: interrupt-window exits need a local APIC or a PIC in user space, and single
// steps leave the trap flag in what the guest pushes. Ending an ordinary interrupt afterwards needs
// to learn of its delivery, of which KVM tells nothing either.
#ifndef HVKIT_VCPU_HYPERV_KVM_AUTO_EOI_H_
#define HVKIT_VCPU_HYPERV_KVM_AUTO_EOI_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "hyperv/host/ids.h"
#include "hyperv/tlfs/msr.h"
#include "kvm_ioctls/vcpu.h"
#include "vcpu/hyperv_kvm/kernel_ability.h"

namespace hvkit::vcpu {

// The SINT whose register this MSR is.
[[nodiscard]] std::optional<uint32_t> SintOfMsr(uint32_t msr);

// Tells KVM's local APIC which SINTs end by themselves. For each VP *VP thread*.
class AutoEoi {
 public:
  // Each VP's SINTs begin without AutoEOI, as after a reset.
  AutoEoi(const KernelFacts& facts, uint32_t vp_count);

  // Whether this KVM can be told.
  [[nodiscard]] bool IsSupported() const { return is_supported_; }

  // The VP's register of `sint` below tlfs::kSintCount now has this value. An error leaves the SINT
  // with ordinary interrupts. *VP thread*, or before the VP runs.
  [[nodiscard]] absl::Status SetSint(const kvm::Vcpu& vcpu, hyperv::VpIndex vp, uint32_t sint,
                                     hyperv::tlfs::Sint value);

 private:
  // What KVM knows of a VP.
  struct Vp {
    bool has_synic = false;
    uint16_t auto_eoi = 0;  // a bit for each SINT
  };

  [[nodiscard]] static absl::Status EnableSynic(const kvm::Vcpu& vcpu, Vp& vp);

  const bool is_supported_;
  std::vector<Vp> vps_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_AUTO_EOI_H_
