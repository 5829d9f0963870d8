#include "vmm/cpu_setup.h"

#include <asm/kvm_para.h>

#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"
#include "vcpu/x86_boot.h"
#include "vmm/memory_map.h"

namespace hvkit::vmm {
namespace {

// KVM's own features and hints, from its leaf.
std::optional<hyperv::KvmLeaf> FindKvmLeaf(const kvm::Cpuid& supported) {
  for (const kvm_cpuid_entry2& entry : supported.entries()) {
    if (entry.function == KVM_CPUID_FEATURES) return hyperv::KvmLeaf{entry.eax, entry.edx};
  }
  return std::nullopt;
}

absl::Status CheckCpus(const kvm::Kvm& kvm, uint32_t cpus) {
  HVKIT_ASSIGN_OR_RETURN(const int max_cpus, kvm.GetMaxVcpus());
  if (cpus <= static_cast<uint32_t>(max_cpus)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrFormat(
      "--cpus=%d: this machine's KVM has at most %d vCPUs (KVM_CAP_MAX_VCPUS); ask for fewer", cpus,
      max_cpus));
}

// CPUID 0x80000008: how many bits a physical address has.
absl::Status CheckMemory(const kvm::Cpuid& supported, uint64_t memory_bytes) {
  constexpr uint32_t kAddressSizes = 0x80000008;
  const uint64_t top = MakeMemoryMap(memory_bytes).back().end();
  for (const kvm_cpuid_entry2& entry : supported.entries()) {
    const uint32_t bits = entry.eax & 0xff;
    if (entry.function != kAddressSizes || bits == 0 || bits >= 64 || top <= uint64_t{1} << bits)
      continue;
    return absl::FailedPreconditionError(absl::StrFormat(
        "--memory: RAM up to %#x, but this processor's addresses have %d bits; ask for less", top,
        bits));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CpuSetup> CpuSetup::Create(const kvm::Kvm& kvm, const Config& config,
                                          const HypervSetup& hyperv) {
  HVKIT_RETURN_IF_ERROR(CheckCpus(kvm, config.cpus));
  HVKIT_ASSIGN_OR_RETURN(kvm::Cpuid supported, kvm.GetSupportedCpuid());
  HVKIT_RETURN_IF_ERROR(CheckMemory(supported, config.memory_bytes));
  vcpu::CpuidPlan plan;
  plan.cpu_count = config.cpus;
  const bool has_deadline = hyperv.facts.Capability(KVM_CAP_TSC_DEADLINE_TIMER) != 0;
  plan.tsc_deadline = has_deadline ? vcpu::TscDeadline::kPresent : vcpu::TscDeadline::kAbsent;
  const bool only_kvm = hyperv.kvm_leaves && !hyperv.enabled();
  plan.source = only_kvm ? vcpu::HypervisorLeaves::kKvm : vcpu::HypervisorLeaves::kGiven;
  const auto kvm_leaf = hyperv.kvm_leaves ? FindKvmLeaf(supported) : std::nullopt;
  return CpuSetup(std::move(supported), plan, kvm_leaf);
}

absl::Status CpuSetup::SetCpuid(const kvm::Vcpu& vcpu, uint32_t index,
                                HypervBackend* backend) const {
  std::vector<vcpu::CpuidLeaf> leaves;
  if (backend != nullptr) {
    HVKIT_ASSIGN_OR_RETURN(const std::vector<hyperv::CpuidEntry> entries,
                           backend->SetUpVcpu(hyperv::VpIndex(index), vcpu));
    for (const hyperv::CpuidEntry& e : entries)
      leaves.push_back({e.leaf, e.eax, e.ebx, e.ecx, e.edx});
  }
  vcpu::CpuidPlan plan = plan_;
  plan.hypervisor_leaves = leaves;
  HVKIT_ASSIGN_OR_RETURN(const kvm::Cpuid table, vcpu::MergeCpuid(supported_, plan, index));
  return vcpu.SetCpuid2(table);
}

absl::Status SetBootState(kvm::Vcpu& vcpu, const EntryState& entry, hyperv::GuestMemory& memory) {
  HVKIT_RETURN_IF_ERROR(vcpu::SetLocalApicPins(vcpu));
  switch (entry.mode) {
    case EntryMode::kReal16:
      return vcpu::SetRealMode(vcpu, {.cs = entry.cs, .ip = static_cast<uint16_t>(entry.rip)});
    case EntryMode::kProtected32:
      return vcpu::SetProtected32(vcpu, {.eip = static_cast<uint32_t>(entry.rip),
                                         .eax = static_cast<uint32_t>(entry.rax),
                                         .ebx = static_cast<uint32_t>(entry.rbx),
                                         .esi = static_cast<uint32_t>(entry.rsi)});
    case EntryMode::kLong64:
      break;
  }
  const hyperv::Gpa tables(entry.cpu_tables);
  HVKIT_RETURN_IF_ERROR(vcpu::WriteLongModeTables(memory, tables));
  return vcpu::SetLongMode(vcpu, {.rip = entry.rip,
                                  .rsp = entry.cpu_tables + kCpuTablesSize,
                                  .rsi = entry.rsi,
                                  .tables = tables});
}

}  // namespace hvkit::vmm
