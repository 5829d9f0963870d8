#include "vcpu/hyperv_kvm/kernel_backend.h"

#include <utility>

#include "hyperv/partition/crash_message.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/msr.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"
#include "kvm_ioctls/vcpu_hyperv.h"
#include "vcpu/hyperv_kvm/forwarded_hypercall.h"

namespace hvkit::vcpu {
namespace {

using hyperv::Enlightenment;
using hyperv::tlfs::CrashCtl;
using hyperv::tlfs::MsrIndex;

constexpr uint32_t kCrashCtlIndex = static_cast<uint32_t>(MsrIndex::kCrashCtl);

absl::Status SetMsr(const kvm::Vcpu& vcpu, MsrIndex msr, uint64_t value) {
  return vcpu.SetMsr(static_cast<uint32_t>(msr), value);
}

}  // namespace

KernelBackend::KernelBackend(const hyperv::EnlightenmentSet& in_force, KernelFacts facts,
                             std::optional<hyperv::KvmLeaf> kvm_leaf,
                             const hyperv::GuestMemory& memory)
    : in_force_(in_force), facts_(std::move(facts)), kvm_leaf_(kvm_leaf), memory_(memory) {}

absl::Status KernelBackend::SetUpVm(const kvm::Vm& vm) const {
  if (!Has(Enlightenment::kCrash)) return absl::OkStatus();
  HVKIT_RETURN_IF_ERROR(vm.EnableCap(KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER));
  alignas(uint64_t) uint8_t none_allowed[sizeof(uint64_t)] = {};  // KVM reads whole words
  kvm_msr_filter filter{};
  filter.flags = KVM_MSR_FILTER_DEFAULT_ALLOW;
  filter.ranges[0] = {
      .flags = KVM_MSR_FILTER_WRITE, .nmsrs = 1, .base = kCrashCtlIndex, .bitmap = none_allowed};
  return vm.SetMsrFilter(filter);
}

absl::StatusOr<std::vector<hyperv::CpuidEntry>> KernelBackend::SetUpVcpu(const kvm::Vcpu& vcpu,
                                                                         hyperv::VpIndex vp) const {
  hyperv::CpuidFacts facts = Facts();
  HVKIT_RETURN_IF_ERROR(EnableCapabilities(vcpu, facts));
  if (Has(Enlightenment::kVpIndex)) {
    HVKIT_RETURN_IF_ERROR(SetMsr(vcpu, MsrIndex::kVpIndex, vp.value()));
  }
  if (Has(Enlightenment::kCrash)) {
    HVKIT_RETURN_IF_ERROR(SetMsr(vcpu, MsrIndex::kCrashCtl, CrashCtl::CrashNotify::kMask));
  }
  return hyperv::BuildCpuid(in_force_, facts);
}

absl::Status KernelBackend::EnableCapabilities(const kvm::Vcpu& vcpu,
                                               hyperv::CpuidFacts& facts) const {
  if (Has(Enlightenment::kSynic)) HVKIT_RETURN_IF_ERROR(kvm::EnableHypervSynic2(vcpu));
  if (Has(Enlightenment::kEnforceCpuid))
    HVKIT_RETURN_IF_ERROR(kvm::SetHypervEnforceCpuid(vcpu, true));
  if (Has(Enlightenment::kTlbFlushDirect))
    HVKIT_RETURN_IF_ERROR(kvm::EnableHypervDirectTlbflush(vcpu));
  if (!Has(Enlightenment::kEvmcs)) return absl::OkStatus();
  HVKIT_ASSIGN_OR_RETURN(const uint16_t versions, kvm::EnableHypervEnlightenedVmcs(vcpu));
  facts.evmcs_version_low = static_cast<uint8_t>(versions & hyperv::tlfs::kEvmcsVersionLowMask);
  facts.evmcs_version_high = static_cast<uint8_t>(versions >> hyperv::tlfs::kEvmcsVersionHighShift);
  return absl::OkStatus();
}

hyperv::CpuidFacts KernelBackend::Facts() const {
  hyperv::CpuidFacts facts;
  facts.max_vps = static_cast<uint32_t>(facts_.Capability(KVM_CAP_MAX_VCPUS));
  facts.nested_features_ebx = facts_.Leaf(hyperv::tlfs::CpuidLeaf::kNestedFeatures).ebx;
  facts.kvm = kvm_leaf_;
  return facts;
}

void KernelBackend::OnHyperv(kvm::HypervExit exit) const {
  switch (exit.type()) {
    case KVM_EXIT_HYPERV_HCALL: {
      const auto& call = exit.hcall();
      exit.SetHcallResult(CompleteForwardedHypercall(call.input, call.params[0], memory_));
      return;
    }
    case KVM_EXIT_HYPERV_SYNDBG:
      exit.SetSyndbgStatus(0);  // no debugger: nothing was sent or received
      return;
    default:
      return;  // KVM_EXIT_HYPERV_SYNIC tells that a page moved; KVM itself has seen to it
  }
}

std::optional<hyperv::CrashReport> KernelBackend::OnMsr(const kvm::Vcpu& vcpu,
                                                        kvm::MsrExit exit) const {
  if (!exit.is_write() || exit.index() != kCrashCtlIndex) {
    exit.SetError();
    return std::nullopt;
  }
  exit.SetWritten();
  const CrashCtl control{exit.data()};
  if (CrashCtl::CrashNotify::Get(control) == 0) return std::nullopt;
  hyperv::CrashReport report{
      .parameters = ReadCrashParameters(vcpu), .control = control, .message = std::nullopt};
  if (CrashCtl::CrashMessage::Get(control) != 0)
    report.message = hyperv::ReadCrashMessage(report.parameters, memory_);
  return report;
}

std::array<uint64_t, hyperv::kCrashParameterCount> ReadCrashParameters(const kvm::Vcpu& vcpu) {
  std::array<uint64_t, hyperv::kCrashParameterCount> parameters{};
  for (uint32_t i = 0; i < hyperv::kCrashParameterCount; ++i) {
    parameters[i] = vcpu.GetMsr(static_cast<uint32_t>(MsrIndex::kCrashP0) + i).value_or(0);
  }
  return parameters;
}

}  // namespace hvkit::vcpu
