#include "testing/tables/coverage.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/resolve.h"
#include "hyperv/msr/msr_row.h"
#include "hyperv/msr/msr_table.h"
#include "kvm_ioctls/kvm_compat.h"
#include "vcpu/hyperv_kvm/kernel_ability.h"
#include "vcpu/hyperv_kvm/user_ability.h"

namespace hvkit::testing {
namespace {

using hyperv::Ability;
using hyperv::EnlightenmentInfo;
using hyperv::EnlightenmentMask;
using hyperv::MsrAccess;
using hyperv::MsrOwner;
using hyperv::MsrRow;
using hyperv::MsrScope;
using hyperv::tlfs::CpuidBit;

constexpr absl::string_view kIntroduction =
    R"(<!-- Written by `bazel run //testing/tables:print_coverage`: do not edit. -->
# Coverage of the TLFS

Each synthetic MSR and each CPUID bit of the hypervisor: which back end has it, what gates it, and what tests it.

- *kernel* is KVM's own emulation as of Linux 6.12, with every capability, completed by hvkit. *user* is the model in
  `hyperv/`, on a KVM with all that the user back end is built on. The end says why a name cannot be had; a bit that
  nothing turns on is one that hvkit does not have. Leaves 0x40000006 and 0x40000009 only inform and are left out.
- The model alone (`hyperv/partition`) serves every MSR below but those marked `not in the model`; a back end offers
  what its host can serve.
- Every MSR is a row of `testing/tables/msr_cases.h`: what it reads, what writes do, its reserved bits, and that each
  access faults without the privilege. `//hyperv/partition:msr_cases_test` runs all rows; the tests named here are about
  what the register does.
)";

constexpr absl::string_view kMsrHead =
    "\n## MSRs\n| MSR | Name | Access | Scope | Gated by | kernel | user | Tests |\n"
    "|---|---|---|---|---|---|---|---|\n";
constexpr absl::string_view kBitHead =
    "\n## CPUID bits\n| Leaf | Bit | Name | Turned on by | kernel | user | Tests |\n"
    "|---|---|---|---|---|---|---|\n";
constexpr absl::string_view kReasonHead =
    "\n## Not to be had\n| Name | kernel | user |\n|---|---|---|\n";

// Privileges that a guest with any enlightenment has.
constexpr const CpuidBit* kAlwaysOn[] = {&hyperv::tlfs::bits::kAccessHypercall,
                                         &hyperv::tlfs::bits::kDynamicPartitioning};

// KVM_GET_SUPPORTED_HV_CPUID of Linux 6.12 at its most, on Intel and AMD.
vcpu::KernelFacts BestKernel() {
  vcpu::KernelFacts facts;
  for (const int cap : {KVM_CAP_HYPERV,
                        KVM_CAP_HYPERV_VAPIC,
                        KVM_CAP_HYPERV_SPIN,
                        KVM_CAP_HYPERV_TIME,
                        KVM_CAP_HYPERV_SYNIC2,
                        KVM_CAP_HYPERV_VP_INDEX,
                        KVM_CAP_HYPERV_TLBFLUSH,
                        KVM_CAP_HYPERV_SEND_IPI,
                        KVM_CAP_HYPERV_ENLIGHTENED_VMCS,
                        KVM_CAP_HYPERV_DIRECT_TLBFLUSH,
                        KVM_CAP_SYS_HYPERV_CPUID,
                        KVM_CAP_HYPERV_ENFORCE_CPUID,
                        KVM_CAP_X86_USER_SPACE_MSR,
                        KVM_CAP_X86_MSR_FILTER,
                        KVM_CAP_IRQCHIP,
                        KVM_CAP_SIGNAL_MSI,
                        KVM_CAP_X2APIC_API,
                        KVM_CAP_SYNC_REGS,
                        KVM_CAP_IMMEDIATE_EXIT,
                        KVM_CAP_GET_TSC_KHZ,
                        KVM_CAP_VCPU_ATTRIBUTES,
                        KVM_CAP_TSC_DEADLINE_TIMER,
                        KVM_CAP_ADJUST_CLOCK}) {
    facts.capabilities[static_cast<uint32_t>(cap)] = 1;
  }
  facts.hv_leaves = {{0x40000000, 0x40000082, 0, 0, 0},
                     {0x40000001, hyperv::tlfs::kInterfaceSignature, 0, 0, 0},
                     {0x40000003, 0xaaff, 0x100830, 0, 0x84d12},
                     {0x40000004, 0x44e2c, 0xfff, 0, 0},
                     {0x4000000a, 0xa0101, 0, 0, 0},
                     {0x40000082, 0x2, 0, 0, 0}};
  return facts;
}

struct BackEnds {
  Ability kernel = vcpu::KernelAbility(BestKernel());
  Ability user = vcpu::UserAbility(BestKernel(), vcpu::CoreSharing::kImpossible);
};

std::string Hex(uint32_t number) { return absl::StrCat("0x", absl::Hex(number)); }

absl::string_view RegisterName(hyperv::tlfs::CpuidRegister reg) {
  constexpr absl::string_view kNames[] = {"EAX", "EBX", "ECX", "EDX"};
  return kNames[static_cast<size_t>(reg)];
}

bool IsAlwaysOn(const CpuidBit& bit) {
  for (const CpuidBit* const on : kAlwaysOn) {
    if (on == &bit) return true;
  }
  return false;
}

bool IsWithheld(const CpuidBit& bit) {
  return std::find(vcpu::kWithheldBits.begin(), vcpu::kWithheldBits.end(), &bit) !=
         vcpu::kWithheldBits.end();
}

std::string OffersOf(const CpuidBit& bit) {
  if (IsAlwaysOn(bit)) return "always";
  const EnlightenmentMask offers = hyperv::TurnedOnBy(bit);
  std::vector<std::string> names;
  for (const EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    if (offers.Has(info.id)) names.push_back(absl::StrCat("`", info.name, "`"));
  }
  return absl::StrJoin(names, ", ");
}

absl::string_view Has(const Ability& back_end, const CpuidBit& bit) {
  if (IsAlwaysOn(bit)) return "yes";
  const EnlightenmentMask offers = hyperv::TurnedOnBy(bit);
  for (const EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    if (offers.Has(info.id) && back_end.Can(info.id)) return "yes";
  }
  return "no";
}

std::string Indices(const MsrRow& row) {
  std::string first = Hex(row.IndexOf(0));
  if (row.instances == 1) return first;
  const absl::string_view stepping = row.stride == 1 ? ".." : ", ... ";
  return absl::StrCat(first, stepping, Hex(row.IndexOf(row.instances - 1u)));
}

absl::string_view AccessName(MsrAccess access) {
  constexpr absl::string_view kNames[] = {"R", "W", "RW"};
  return kNames[static_cast<size_t>(access)];
}

// What tests the behaviour, by the part of the model that has the register.
absl::string_view TestsOf(MsrOwner owner) {
  switch (owner) {
    case MsrOwner::kPartition:
    case MsrOwner::kCrash:
    case MsrOwner::kSyndbg:
      return "`//hyperv/partition:partition_test`";
    case MsrOwner::kTime:
      return "`//hyperv/partition:partition_test`, `//hyperv/reference_time:all`";
    case MsrOwner::kVp:
    case MsrOwner::kApic:
    case MsrOwner::kVpAssist:
      return "`//hyperv/partition:virtual_processor_test`";
    case MsrOwner::kSynic:
      return "`//hyperv/synic:synic_test`";
    case MsrOwner::kStimer:
      return "`//hyperv/stimer:synthetic_timers_test`";
    case MsrOwner::kNobody:
      break;
  }
  return "not in the model";
}

std::string MsrLine(const MsrRow& row, const BackEnds& back_ends) {
  const bool is_modelled = row.owner != MsrOwner::kNobody;
  return absl::StrCat("| ", Indices(row), " | ", row.name, " | ", AccessName(row.access), " | ",
                      row.scope == MsrScope::kVp ? "VP" : "partition", " | ", row.gate->name, " | ",
                      Has(back_ends.kernel, *row.gate), " | ",
                      is_modelled ? Has(back_ends.user, *row.gate) : "no", " | ",
                      TestsOf(row.owner), " |\n");
}

std::string BitLine(const CpuidBit& bit, const BackEnds& back_ends) {
  const std::string offers = OffersOf(bit);
  return absl::StrCat("| ", Hex(static_cast<uint32_t>(bit.leaf)), " ", RegisterName(bit.reg), " | ",
                      bit.bit, " | ", bit.name, " | ", offers, " | ", Has(back_ends.kernel, bit),
                      " | ", IsWithheld(bit) ? "no" : Has(back_ends.user, bit), " | ",
                      offers.empty() ? "" : "`//hyperv/cpuid:cpuid_builder_test`", " |\n");
}

std::string ReasonLine(const EnlightenmentInfo& info, const BackEnds& back_ends) {
  const std::string& kernel = back_ends.kernel.reason(info.id);
  const std::string& user = back_ends.user.reason(info.id);
  if (kernel.empty() && user.empty()) return "";
  return absl::StrCat("| `", info.name, "` | ", kernel, " | ", user, " |\n");
}

}  // namespace

std::string TlfsCoverageMarkdown() {
  const BackEnds back_ends;
  std::string text = absl::StrCat(kIntroduction, kMsrHead);
  for (const MsrRow& row : hyperv::MsrTable()) absl::StrAppend(&text, MsrLine(row, back_ends));
  absl::StrAppend(&text, kBitHead);
  for (const CpuidBit* const bit : AllCpuidBits()) {
    absl::StrAppend(&text, BitLine(*bit, back_ends));
  }
  absl::StrAppend(&text, kReasonHead);
  for (const EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    absl::StrAppend(&text, ReasonLine(info, back_ends));
  }
  return text;
}

}  // namespace hvkit::testing
