#include "vcpu/hyperv_kvm/vcpu_hooks.h"

#include "absl/status/statusor.h"
#include "hyperv/tlfs/msr.h"
#include "vcpu/hyperv_kvm/pv_eoi.h"
#include "vcpu/hyperv_kvm/vp_runtime.h"

namespace hvkit::vcpu {
namespace {

using hyperv::MsrOutcome;
using hyperv::MsrRead;
using hyperv::VpIndex;
using hyperv::tlfs::MsrIndex;

// One register of the APIC, as the two MSRs that reach it.
struct ApicMsr {
  uint32_t x2apic;
  MsrIndex of_kvm;
};
constexpr ApicMsr kTpr = {0x808, MsrIndex::kTpr};
constexpr ApicMsr kEoi = {0x80B, MsrIndex::kEoi};
constexpr ApicMsr kIcr = {0x830, MsrIndex::kIcr};

MsrRead ReadApic(const kvm::Vcpu& vcpu, const ApicMsr& msr) {
  absl::StatusOr<uint64_t> value = vcpu.GetMsr(msr.x2apic);
  if (!value.ok()) value = vcpu.GetMsr(static_cast<uint32_t>(msr.of_kvm));
  return value.ok() ? MsrRead::Handled(*value) : MsrRead::Fault();
}

MsrOutcome WriteApic(const kvm::Vcpu& vcpu, const ApicMsr& msr, uint64_t value) {
  const bool written = vcpu.SetMsr(msr.x2apic, value).ok() ||
                       vcpu.SetMsr(static_cast<uint32_t>(msr.of_kvm), value).ok();
  return written ? MsrOutcome::kHandled : MsrOutcome::kGeneralProtection;
}

}  // namespace

hyperv::RefDuration VcpuHooks::Runtime(VpIndex) const { return VpRuntimeOfThisThread(); }

MsrOutcome VcpuHooks::WriteEoi(VpIndex vp) { return WriteApic(vcpu(vp), kEoi, 0); }

MsrRead VcpuHooks::ReadIcr(VpIndex vp) { return ReadApic(vcpu(vp), kIcr); }

MsrOutcome VcpuHooks::WriteIcr(VpIndex vp, uint64_t value) {
  return WriteApic(vcpu(vp), kIcr, value);
}

MsrRead VcpuHooks::ReadTpr(VpIndex vp) { return ReadApic(vcpu(vp), kTpr); }

MsrOutcome VcpuHooks::WriteTpr(VpIndex vp, uint8_t value) {
  return WriteApic(vcpu(vp), kTpr, value);
}

void VcpuHooks::SetAssistPage(VpIndex vp, std::optional<hyperv::Gpn> page) {
  SetPvEoi(vcpu(vp), page).IgnoreError();
}

}  // namespace hvkit::vcpu
