#include "vcpu/hyperv_kvm/kernel_backend.h"

#include <utility>

#include "hyperv/hypercall/standard_calls.h"
#include "hyperv/partition/crash_message.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/msr.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"
#include "kvm_ioctls/vcpu_hyperv.h"

namespace hvkit::vcpu {
namespace {

using hyperv::Enlightenment;
using hyperv::VpIndex;
using hyperv::tlfs::CrashCtl;
using hyperv::tlfs::MsrIndex;

constexpr uint32_t kCrashCtlIndex = static_cast<uint32_t>(MsrIndex::kCrashCtl);

absl::Status SetMsr(const kvm::Vcpu& vcpu, MsrIndex msr, uint64_t value) {
  return vcpu.SetMsr(static_cast<uint32_t>(msr), value);
}

}  // namespace

KernelBackend::KernelBackend(Options options, Host host)
    : options_(std::move(options)), host_(std::move(host)) {}

absl::Status KernelBackend::SetUpVm() const {
  if (!Has(Enlightenment::kCrash)) return absl::OkStatus();
  HVKIT_RETURN_IF_ERROR(host_.vm.EnableCap(KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER));
  alignas(uint64_t) uint8_t none_allowed[sizeof(uint64_t)] = {};  // KVM reads whole words
  kvm_msr_filter filter{};
  filter.flags = KVM_MSR_FILTER_DEFAULT_ALLOW;
  filter.ranges[0] = {
      .flags = KVM_MSR_FILTER_WRITE, .nmsrs = 1, .base = kCrashCtlIndex, .bitmap = none_allowed};
  return host_.vm.SetMsrFilter(filter);
}

absl::StatusOr<std::vector<hyperv::CpuidEntry>> KernelBackend::SetUpVcpu(const kvm::Vcpu& vcpu,
                                                                         VpIndex vp) const {
  hyperv::CpuidFacts facts = Facts();
  HVKIT_RETURN_IF_ERROR(EnableCapabilities(vcpu, facts));
  if (Has(Enlightenment::kVpIndex)) {
    HVKIT_RETURN_IF_ERROR(SetMsr(vcpu, MsrIndex::kVpIndex, vp.value()));
  }
  if (Has(Enlightenment::kCrash)) {
    HVKIT_RETURN_IF_ERROR(SetMsr(vcpu, MsrIndex::kCrashCtl, CrashCtl::CrashNotify::kMask));
  }
  return hyperv::BuildCpuid(options_.in_force, facts);
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
  facts.max_vps = static_cast<uint32_t>(options_.facts.Capability(KVM_CAP_MAX_VCPUS));
  facts.nested_features_ebx = options_.facts.Leaf(hyperv::tlfs::CpuidLeaf::kNestedFeatures).ebx;
  facts.kvm = options_.kvm_leaf;
  return facts;
}

absl::Status KernelBackend::Start() {
  hyperv::HypercallHost calls;
  calls.debug = host_.debug;
  calls.boot_zeroed = host_.boot_zeroed;
  if (Has(Enlightenment::kSynic)) {
    const bool has_events = options_.facts.Capability(KVM_CAP_HYPERV_EVENTFD) != 0;
    HVKIT_ASSIGN_OR_RETURN(
        synic_,
        KernelSynic::Create({.vp_count = options_.vp_count, .has_event_descriptors = has_events},
                            {.vm = host_.vm, .memory = host_.memory, .kick = host_.kick}));
    calls.connections = &synic_->connections();
  }
  hypercalls_.emplace(options_.in_force, calls, host_.memory);
  return absl::OkStatus();
}

void KernelBackend::OnHyperv(VpIndex vp, kvm::HypervExit exit) {
  switch (exit.type()) {
    case KVM_EXIT_HYPERV_HCALL:
      exit.SetHcallResult(hypercalls_->Complete(vp, exit.hcall()));
      return OnKicked(vp);  // a message to itself may wait for its slot
    case KVM_EXIT_HYPERV_SYNDBG:
      return OnSyndbg(vp, exit);
    case KVM_EXIT_HYPERV_SYNIC:
      if (synic_ != nullptr) synic_->OnExit(vp, exit.synic());
      return;
    default:
      return;
  }
}

void KernelBackend::OnSyndbg(VpIndex vp, kvm::HypervExit exit) const {
  const kvm::HypervExit::Syndbg& words = exit.syndbg();
  const hyperv::SyndbgRegisters registers{.control = words.control,
                                          .status = words.status,
                                          .send_page = words.send_page,
                                          .receive_page = words.recv_page,
                                          .pending_page = words.pending_page};
  uint64_t status = 0;
  if (host_.syndbg != nullptr && words.msr == static_cast<uint32_t>(MsrIndex::kSyndbgControl)) {
    status = host_.syndbg->OnControl(vp, registers);
  } else if (host_.syndbg != nullptr) {
    host_.syndbg->OnPendingBuffer(vp, registers);
  }
  exit.SetSyndbgStatus(status);  // KVM takes it after a write of the control register only
}

void KernelBackend::OnKicked(VpIndex vp) {
  if (synic_ != nullptr) synic_->OnKicked(vp);
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
    report.message = hyperv::ReadCrashMessage(report.parameters, host_.memory);
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
