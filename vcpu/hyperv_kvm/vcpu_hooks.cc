#include "vcpu/hyperv_kvm/vcpu_hooks.h"

#include "hyperv/tlfs/msr.h"
#include "kvm_ioctls/kvm_compat.h"
#include "vcpu/hyperv_kvm/pv_eoi.h"
#include "vcpu/hyperv_kvm/vp_runtime.h"

namespace hvkit::vcpu {

using hyperv::MsrOutcome;
using hyperv::MsrRead;
using hyperv::VpIndex;
using hyperv::tlfs::MsrIndex;

struct VcpuHooks::ApicMsr {
  uint32_t x2apic;
  MsrIndex of_kvm;

  static const ApicMsr kTpr;
  static const ApicMsr kEoi;
  static const ApicMsr kIcr;
};
constexpr VcpuHooks::ApicMsr VcpuHooks::ApicMsr::kTpr = {0x808, MsrIndex::kTpr};
constexpr VcpuHooks::ApicMsr VcpuHooks::ApicMsr::kEoi = {0x80B, MsrIndex::kEoi};
constexpr VcpuHooks::ApicMsr VcpuHooks::ApicMsr::kIcr = {0x830, MsrIndex::kIcr};

namespace {

MsrOutcome Outcome(const absl::Status& status) {
  return status.ok() ? MsrOutcome::kHandled : MsrOutcome::kGeneralProtection;
}

template <typename T>
MsrRead Read(const absl::StatusOr<T>& value) {
  return value.ok() ? MsrRead::Handled(*value) : MsrRead::Fault();
}

}  // namespace

VcpuHooks::VcpuHooks(const kvm::Vm& vm, const KernelFacts& facts, uint32_t vp_count)
    : kvm_has_hyperv_(facts.Capability(KVM_CAP_HYPERV) != 0),
      vcpus_(vp_count),
      xapic_(vm, vp_count) {}

absl::StatusOr<uint64_t> VcpuHooks::ReadApic(VpIndex vp, const ApicMsr& msr) const {
  absl::StatusOr<uint64_t> value = vcpu(vp).GetMsr(msr.x2apic);
  if (value.ok() || !kvm_has_hyperv_) return value;
  return vcpu(vp).GetMsr(static_cast<uint32_t>(msr.of_kvm));
}

absl::Status VcpuHooks::WriteApic(VpIndex vp, const ApicMsr& msr, uint64_t value) const {
  absl::Status status = vcpu(vp).SetMsr(msr.x2apic, value);
  if (status.ok() || !kvm_has_hyperv_) return status;
  return vcpu(vp).SetMsr(static_cast<uint32_t>(msr.of_kvm), value);
}

hyperv::RefDuration VcpuHooks::Runtime(VpIndex) const { return VpRuntimeOfThisThread(); }

MsrOutcome VcpuHooks::WriteEoi(VpIndex vp) { return Outcome(WriteApic(vp, ApicMsr::kEoi, 0)); }

MsrRead VcpuHooks::ReadIcr(VpIndex vp) {
  const absl::StatusOr<uint64_t> value = ReadApic(vp, ApicMsr::kIcr);
  return value.ok() || kvm_has_hyperv_ ? Read(value) : Read(xapic_.ReadIcr(vcpu(vp), vp));
}

MsrOutcome VcpuHooks::WriteIcr(VpIndex vp, uint64_t value) {
  const absl::Status status = WriteApic(vp, ApicMsr::kIcr, value);
  if (status.ok() || kvm_has_hyperv_) return Outcome(status);
  return Outcome(xapic_.WriteIcr(vcpu(vp), vp, value));
}

MsrRead VcpuHooks::ReadTpr(VpIndex vp) {
  const absl::StatusOr<uint64_t> value = ReadApic(vp, ApicMsr::kTpr);
  return value.ok() || kvm_has_hyperv_ ? Read(value) : Read(Xapic::ReadTpr(vcpu(vp)));
}

MsrOutcome VcpuHooks::WriteTpr(VpIndex vp, uint8_t value) {
  const absl::Status status = WriteApic(vp, ApicMsr::kTpr, value);
  if (status.ok() || kvm_has_hyperv_) return Outcome(status);
  return Outcome(Xapic::WriteTpr(vcpu(vp), value));
}

void VcpuHooks::SetAssistPage(VpIndex vp, std::optional<hyperv::Gpn> page) {
  SetPvEoi(vcpu(vp), page).IgnoreError();
}

}  // namespace hvkit::vcpu
