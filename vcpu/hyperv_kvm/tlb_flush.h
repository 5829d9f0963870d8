// Flushes of guest TLBs from user space. KVM has no call for it: a VP's TLB is flushed on its own
// thread by changing EFER.NXE and changing it back (KVM_SET_MSRS: the change makes KVM drop the
// roots of its page tables, and a new root begins with a flush of what it and the processor have
// cached), and other VPs are asked through their entry gates. The guest's other registers are not
// touched: KVM_SET_SREGS would load PDPTRs anew and lose TPR bits 3:0. Sources: set_efer() and
// kvm_mmu_reset_context() in Linux's arch/x86/kvm; the protocol is in vcpu/entry_gate.h.
//
// Every flush is of everything: lists of addresses, address spaces and the wish to keep global
// translations are not looked at. The TLFS lets a hypervisor flush more.
#ifndef HVKIT_VCPU_HYPERV_KVM_TLB_FLUSH_H_
#define HVKIT_VCPU_HYPERV_KVM_TLB_FLUSH_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/tlb_flusher.h"
#include "kvm_ioctls/fam.h"
#include "kvm_ioctls/vcpu.h"
#include "vcpu/entry_gate.h"

namespace hvkit::vcpu {

// The TLB of one vCPU. *VP thread*.
class VcpuTlb {
 public:
  explicit VcpuTlb(const kvm::Vcpu& vcpu);  // outlives this object

  // Out of the guest, an exit pending or not. Two ioctls; allocates nothing.
  [[nodiscard]] absl::Status Flush();

 private:
  const kvm::Vcpu& vcpu_;
  kvm::Msrs changes_;
};

// Asks the VPs' gates. Whoever owns a gate flushes when its TryEnter fails. A call is over when
// every VP of the set has been out of the guest since it began: those that were in the guest are
// kicked and waited for, which takes as long as their leaving does. So a call does not depend on
// what any VP does outside the guest, and a pause or a stop is no longer delayed by it than by
// another exit. *VP thread*, that of the caller, which is out of the guest; any number at once.
class GateTlbFlusher final : public hyperv::TlbFlusher {
 public:
  // Makes a VP leave the guest soon.
  using KickVp = std::function<void(hyperv::VpIndex)>;

  // The gates of VP 0, 1, ...; they outlive this object.
  GateTlbFlusher(std::vector<EntryGate*> gates, KickVp kick);

  // Always kDone.
  hyperv::Progress Flush(const hyperv::TlbFlush& flush) override;

 private:
  const std::vector<EntryGate*> gates_;
  const KickVp kick_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_TLB_FLUSH_H_
