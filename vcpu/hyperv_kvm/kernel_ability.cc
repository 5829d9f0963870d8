#include "vcpu/hyperv_kvm/kernel_ability.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "hyperv/tlfs/cpuid.h"
#include "kvm_ioctls/cap.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vcpu {
namespace {

using hyperv::Enlightenment;

// An enlightenment that needs a capability besides its CPUID bits. For the two whose bits KVM
// reports only after the capability was enabled on a vCPU, the capability alone decides.
struct CapabilityRule {
  uint32_t cap;
  Enlightenment enlightenment;
  bool decides_alone;
};
constexpr CapabilityRule kCapabilityRules[] = {
    {KVM_CAP_HYPERV_VAPIC, Enlightenment::kVapic, false},
    {KVM_CAP_HYPERV_SPIN, Enlightenment::kSpinlocks, false},
    {KVM_CAP_HYPERV_TIME, Enlightenment::kTime, false},
    {KVM_CAP_HYPERV_VP_INDEX, Enlightenment::kVpIndex, false},
    {KVM_CAP_HYPERV_SYNIC2, Enlightenment::kSynic, false},
    {KVM_CAP_HYPERV_TLBFLUSH, Enlightenment::kTlbFlush, false},
    {KVM_CAP_HYPERV_SEND_IPI, Enlightenment::kIpi, false},
    {KVM_CAP_HYPERV_ENFORCE_CPUID, Enlightenment::kEnforceCpuid, false},
    {KVM_CAP_HYPERV_ENLIGHTENED_VMCS, Enlightenment::kEvmcs, true},
    {KVM_CAP_HYPERV_DIRECT_TLBFLUSH, Enlightenment::kTlbFlushDirect, true},
};

// Enlightenments whose other half would be ours.
struct Unserved {
  Enlightenment enlightenment;
  const char* reason;
};
constexpr Unserved kUnserved[] = {
    {Enlightenment::kStartVp, "KVM does not forward HvCallStartVirtualProcessor to user space"},
    {Enlightenment::kVpRegisters,
     "KVM does not forward HvCallGetVpRegisters and HvCallSetVpRegisters to user space"},
    {Enlightenment::kGuestIdle, "KVM has no HV_X64_MSR_GUEST_IDLE and hvkit does not serve it yet"},
};

// What --probe reports and the rules ask for.
constexpr uint32_t kCapabilities[] = {
    KVM_CAP_HYPERV,
    KVM_CAP_HYPERV_VAPIC,
    KVM_CAP_HYPERV_SPIN,
    KVM_CAP_HYPERV_TIME,
    KVM_CAP_HYPERV_SYNIC,
    KVM_CAP_HYPERV_SYNIC2,
    KVM_CAP_HYPERV_VP_INDEX,
    KVM_CAP_HYPERV_EVENTFD,
    KVM_CAP_HYPERV_TLBFLUSH,
    KVM_CAP_HYPERV_SEND_IPI,
    KVM_CAP_HYPERV_ENLIGHTENED_VMCS,
    KVM_CAP_HYPERV_DIRECT_TLBFLUSH,
    KVM_CAP_HYPERV_CPUID,
    KVM_CAP_SYS_HYPERV_CPUID,
    KVM_CAP_HYPERV_ENFORCE_CPUID,
    KVM_CAP_X86_USER_SPACE_MSR,
    KVM_CAP_X86_MSR_FILTER,
    KVM_CAP_IRQCHIP,
    KVM_CAP_SIGNAL_MSI,
    KVM_CAP_X2APIC_API,
    KVM_CAP_SYNC_REGS,
    KVM_CAP_IMMEDIATE_EXIT,
    KVM_CAP_IRQFD_RESAMPLE,
    KVM_CAP_TSC_CONTROL,
    KVM_CAP_GET_TSC_KHZ,
    KVM_CAP_VCPU_ATTRIBUTES,
    KVM_CAP_TSC_DEADLINE_TIMER,
    KVM_CAP_ADJUST_CLOCK,
    KVM_CAP_DISABLE_QUIRKS2,
    KVM_CAP_NESTED_STATE,
    KVM_CAP_NR_VCPUS,
    KVM_CAP_MAX_VCPUS,
    KVM_CAP_MAX_VCPU_ID,
};

std::string CapabilityAbsent(uint32_t cap) {
  return absl::StrCat(kvm::CapName(cap), " is 0 on this machine");
}

std::string BitsAbsent(const std::vector<hyperv::tlfs::CpuidBit>& missing) {
  std::string text = "KVM_GET_SUPPORTED_HV_CPUID lacks";
  for (const hyperv::tlfs::CpuidBit& bit : missing) absl::StrAppend(&text, " ", bit.name);
  return text;
}

const CapabilityRule* FindRule(Enlightenment e) {
  for (const CapabilityRule& rule : kCapabilityRules) {
    if (rule.enlightenment == e) return &rule;
  }
  return nullptr;
}

// Why KVM cannot give `e`; empty if it can.
std::string Reason(Enlightenment e, const KernelFacts& facts) {
  if (facts.hv_leaves.empty()) {
    return absl::StrCat(CapabilityAbsent(KVM_CAP_SYS_HYPERV_CPUID),
                        " (a kernel without CONFIG_KVM_HYPERV, or older than 5.11)");
  }
  const CapabilityRule* rule = FindRule(e);
  if (rule != nullptr && facts.Capability(rule->cap) == 0) return CapabilityAbsent(rule->cap);
  if (rule != nullptr && rule->decides_alone) return "";
  for (const Unserved& unserved : kUnserved) {
    if (unserved.enlightenment == e) return unserved.reason;
  }
  const auto missing = hyperv::MissingBits(e, facts.hv_leaves);
  return missing.empty() ? "" : BitsAbsent(missing);
}

}  // namespace

int KernelFacts::Capability(uint32_t cap) const {
  const auto found = capabilities.find(cap);
  return found == capabilities.end() ? 0 : found->second;
}

hyperv::CpuidEntry KernelFacts::Leaf(hyperv::tlfs::CpuidLeaf leaf) const {
  for (const hyperv::CpuidEntry& entry : hv_leaves) {
    if (entry.leaf == static_cast<uint32_t>(leaf)) return entry;
  }
  return hyperv::CpuidEntry{.leaf = static_cast<uint32_t>(leaf)};
}

absl::StatusOr<KernelFacts> QueryKernelFacts(const kvm::Kvm& kvm) {
  KernelFacts facts;
  for (uint32_t cap : kCapabilities) {
    HVKIT_ASSIGN_OR_RETURN(const int value, kvm.CheckExtension(cap));
    facts.capabilities[cap] = value;
  }
  if (facts.Capability(KVM_CAP_SYS_HYPERV_CPUID) == 0) return facts;
  HVKIT_ASSIGN_OR_RETURN(const kvm::Cpuid leaves, kvm.GetSupportedHvCpuid());
  for (const kvm_cpuid_entry2& leaf : leaves.entries()) {
    facts.hv_leaves.push_back({leaf.function, leaf.eax, leaf.ebx, leaf.ecx, leaf.edx});
  }
  return facts;
}

hyperv::Ability KernelAbility(const KernelFacts& facts) {
  hyperv::Ability ability;
  for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    ability.reasons[hyperv::Index(info.id)] = Reason(info.id, facts);
  }
  ability.passthrough_spinlocks = facts.Leaf(hyperv::tlfs::CpuidLeaf::kRecommendations).ebx;
  return ability;
}

}  // namespace hvkit::vcpu
