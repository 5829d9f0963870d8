// What the model asks a VP's vCPU for: its running time, its local APIC's registers, and EOIs
// without exits. Sources: hyperv/partition/host_hooks.h; Intel SDM volume 3, "x2APIC Register
// Address Space"; kvm_hv_set_msr() in Linux.
//
// The APIC's registers are reached as MSRs of the host side: the x2APIC's where the guest has
// switched its APIC to that mode, otherwise KVM's own Hyper-V MSRs. In xAPIC mode on a KVM without
// that emulation TPR and ICR take the ways of xapic.h, and a write of EOI faults: see there.
#ifndef HVKIT_VCPU_HYPERV_KVM_VCPU_HOOKS_H_
#define HVKIT_VCPU_HYPERV_KVM_VCPU_HOOKS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/partition/host_hooks.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vm.h"
#include "vcpu/hyperv_kvm/kernel_ability.h"
#include "vcpu/hyperv_kvm/xapic.h"

namespace hvkit::vcpu {

// Each method is *VP thread*, that of the VP it names; Attach is for before vCPUs run.
class VcpuHooks final : public hyperv::VpRuntime,
                        public hyperv::ApicRegisters,
                        public hyperv::EoiAssist {
 public:
  // `vm` outlives this object.
  VcpuHooks(const kvm::Vm& vm, const KernelFacts& facts, uint32_t vp_count);

  // The VP's vCPU, at an address that it keeps.
  void Attach(hyperv::VpIndex vp, const kvm::Vcpu& vcpu) { vcpus_[vp.value()] = &vcpu; }
  [[nodiscard]] const kvm::Vcpu& vcpu(hyperv::VpIndex vp) const { return *vcpus_[vp.value()]; }

  hyperv::RefDuration Runtime(hyperv::VpIndex vp) const override;

  hyperv::MsrOutcome WriteEoi(hyperv::VpIndex vp) override;
  hyperv::MsrRead ReadIcr(hyperv::VpIndex vp) override;
  hyperv::MsrOutcome WriteIcr(hyperv::VpIndex vp, uint64_t value) override;
  hyperv::MsrRead ReadTpr(hyperv::VpIndex vp) override;
  hyperv::MsrOutcome WriteTpr(hyperv::VpIndex vp, uint8_t value) override;

  // A KVM that refuses leaves the guest with ordinary EOIs.
  void SetAssistPage(hyperv::VpIndex vp, std::optional<hyperv::Gpn> page) override;

 private:
  // One register of the APIC, as the two MSRs that reach it.
  struct ApicMsr;

  // Fail where neither MSR is there: xAPIC mode, and no Hyper-V in KVM.
  [[nodiscard]] absl::StatusOr<uint64_t> ReadApic(hyperv::VpIndex vp, const ApicMsr& msr) const;
  [[nodiscard]] absl::Status WriteApic(hyperv::VpIndex vp, const ApicMsr& msr,
                                       uint64_t value) const;

  const bool kvm_has_hyperv_;
  std::vector<const kvm::Vcpu*> vcpus_;
  Xapic xapic_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_VCPU_HOOKS_H_
