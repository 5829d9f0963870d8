#include "vmm/cpu_diff.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/enlightenments/cpu_flag.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/resolve.h"
#include "hyperv/msr/cpuid_privileges.h"
#include "hyperv/msr/msr_row.h"
#include "hyperv/msr/msr_table.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/cpuid.h"
#include "kvm_ioctls/status_macros.h"
#include "nlohmann/json.hpp"
#include "vmm/cpuid_text.h"

namespace hvkit::vmm {
namespace {

using hyperv::CpuidEntry;
using hyperv::EnlightenmentInfo;
using hyperv::MsrRow;
using hyperv::tlfs::CpuidBit;
using hyperv::tlfs::CpuidRegister;
using Json = nlohmann::ordered_json;

// What a guest sees of one value of --cpu.
struct View {
  std::map<uint32_t, CpuidEntry> leaves;
  std::set<hyperv::MsrId> msrs;
};

std::set<hyperv::MsrId> UsableMsrs(const hyperv::Privileges& privileges) {
  std::set<hyperv::MsrId> usable;
  for (const MsrRow& row : hyperv::MsrTable()) {
    const bool offered = row.owner != hyperv::MsrOwner::kNobody;
    if (offered && privileges.Has(*row.gate)) usable.insert(row.id);
  }
  return usable;
}

absl::StatusOr<View> ViewOf(absl::string_view cpu) {
  HVKIT_ASSIGN_OR_RETURN(const hyperv::CpuSpec spec, hyperv::ParseCpuFlag(cpu));
  HVKIT_ASSIGN_OR_RETURN(const hyperv::Resolution resolution,
                         hyperv::Resolve(spec, hyperv::Ability()));
  const hyperv::EnlightenmentSet& set = resolution.in_force;
  hyperv::CpuidFacts facts;
  if (spec.kvm) facts.kvm = hyperv::KvmLeaf();
  const std::vector<CpuidEntry> leaves = hyperv::BuildCpuid(set, facts);
  View view;
  for (const CpuidEntry& entry : leaves) view.leaves[entry.leaf] = entry;
  if (!set.Enabled()) return view;
  view.msrs = UsableMsrs(set.Has(hyperv::Enlightenment::kEnforceCpuid)
                             ? hyperv::PrivilegesOf(leaves)
                             : hyperv::Privileges::Unrestricted());
  return view;
}

// --- Comparing ---

// Every bit that has a name here, once.
std::vector<CpuidBit> NamedBits() {
  std::vector<CpuidBit> bits = {hyperv::tlfs::bits::kAccessHypercall,
                                hyperv::tlfs::bits::kDynamicPartitioning};
  for (const EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    for (const CpuidBit* bit : info.cpuid_bits) {
      const auto same = [bit](const CpuidBit& other) {
        return other.leaf == bit->leaf && other.reg == bit->reg && other.bit == bit->bit;
      };
      if (std::ranges::none_of(bits, same)) bits.push_back(*bit);
    }
  }
  return bits;
}

std::vector<std::string> Because(const CpuidBit& bit) {
  std::vector<std::string> names;
  for (const EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    if (hyperv::TurnedOnBy(bit).Has(info.id)) names.emplace_back(info.name);
  }
  return names;
}

std::vector<BitChange> DiffBits(uint32_t leaf, CpuidRegister reg, uint32_t changed,
                                uint32_t second) {
  std::vector<BitChange> changes;
  for (const CpuidBit& bit : NamedBits()) {
    const bool here = static_cast<uint32_t>(bit.leaf) == leaf && bit.reg == reg;
    if (!here || (changed & bit.mask()) == 0) continue;
    changes.push_back({.set = (second & bit.mask()) != 0,
                       .bit = bit.bit,
                       .name = bit.name,
                       .because = Because(bit)});
  }
  std::ranges::sort(changes, {}, &BitChange::bit);
  return changes;
}

std::vector<RegisterChange> DiffRegisters(const CpuidEntry& first, const CpuidEntry& second,
                                          uint32_t leaf) {
  std::vector<RegisterChange> changes;
  for (const CpuidRegister reg :
       {CpuidRegister::kEax, CpuidRegister::kEbx, CpuidRegister::kEcx, CpuidRegister::kEdx}) {
    const uint32_t before = hyperv::RegisterOf(first, reg);
    const uint32_t after = hyperv::RegisterOf(second, reg);
    if (before == after) continue;
    changes.push_back({.name = RegisterName(reg),
                       .first = before,
                       .second = after,
                       .bits = DiffBits(leaf, reg, before ^ after, after)});
  }
  return changes;
}

std::vector<LeafChange> DiffLeaves(const View& first, const View& second) {
  std::map<uint32_t, CpuidEntry> either = first.leaves;
  either.insert(second.leaves.begin(), second.leaves.end());
  std::vector<LeafChange> changes;
  for (const auto& [leaf, unused] : either) {
    const auto before = first.leaves.find(leaf);
    const auto after = second.leaves.find(leaf);
    LeafChange change{.leaf = leaf, .registers = {}};
    if (before == first.leaves.end()) change.presence = Presence::kSecond;
    if (after == second.leaves.end()) change.presence = Presence::kFirst;
    change.registers =
        DiffRegisters(before == first.leaves.end() ? CpuidEntry() : before->second,
                      after == second.leaves.end() ? CpuidEntry() : after->second, leaf);
    const bool differs = change.presence != Presence::kBoth || !change.registers.empty();
    if (differs) changes.push_back(std::move(change));
  }
  return changes;
}

std::vector<MsrChange> DiffMsrs(const View& first, const View& second) {
  std::vector<MsrChange> changes;
  for (const MsrRow& row : hyperv::MsrTable()) {
    const bool after = second.msrs.contains(row.id);
    if (first.msrs.contains(row.id) == after) continue;
    changes.push_back({.added = after, .index = row.IndexOf(0), .name = row.name});
  }
  std::ranges::sort(changes, {}, &MsrChange::index);
  return changes;
}

// --- Printing ---

std::string BitLine(const BitChange& bit) {
  const std::string because =
      bit.because.empty() ? "" : absl::StrCat(" (", absl::StrJoin(bit.because, ", "), ")");
  return absl::StrFormat("  %c bit %d %s%s\n", bit.set ? '+' : '-', bit.bit, bit.name, because);
}

std::string LeafLines(const LeafChange& leaf) {
  std::string text;
  const std::string head = absl::StrFormat("CPUID %#x", leaf.leaf);
  if (leaf.presence != Presence::kBoth) {
    const char* const which = leaf.presence == Presence::kFirst ? "first" : "second";
    absl::StrAppendFormat(&text, "%s: in the %s only\n", head, which);
  }
  for (const RegisterChange& reg : leaf.registers) {
    absl::StrAppendFormat(&text, "%s %s: 0x%08x -> 0x%08x\n", head, reg.name, reg.first,
                          reg.second);
    for (const BitChange& bit : reg.bits) absl::StrAppend(&text, BitLine(bit));
  }
  return text;
}

std::string ToText(const CpuDiff& diff) {
  std::string text;
  for (const LeafChange& leaf : diff.leaves) absl::StrAppend(&text, LeafLines(leaf));
  for (const MsrChange& msr : diff.msrs) {
    absl::StrAppendFormat(&text, "%c MSR %#x %s\n", msr.added ? '+' : '-', msr.index, msr.name);
  }
  return text.empty() ? "a guest sees no difference\n" : text;
}

Json ToJson(const RegisterChange& reg) {
  Json bits = Json::array();
  for (const BitChange& bit : reg.bits) {
    bits.push_back({{"bit", bit.bit},
                    {"name", bit.name},
                    {"in", bit.set ? "second" : "first"},
                    {"because", bit.because}});
  }
  Json json = {{"register", reg.name}, {"first", reg.first}, {"second", reg.second}};
  json["bits"] = std::move(bits);
  return json;
}

Json ToJson(const LeafChange& leaf) {
  static constexpr const char* kPresence[] = {"both", "first", "second"};
  Json registers = Json::array();
  for (const RegisterChange& reg : leaf.registers) registers.push_back(ToJson(reg));
  Json json = {{"leaf", Hex(leaf.leaf)}, {"in", kPresence[static_cast<size_t>(leaf.presence)]}};
  json["registers"] = std::move(registers);
  return json;
}

Json ToJson(const CpuDiff& diff) {
  Json json = {{"cpuid", Json::array()}, {"msrs", Json::array()}};
  for (const LeafChange& leaf : diff.leaves) json["cpuid"].push_back(ToJson(leaf));
  for (const MsrChange& msr : diff.msrs) {
    json["msrs"].push_back(
        {{"index", Hex(msr.index)}, {"name", msr.name}, {"in", msr.added ? "second" : "first"}});
  }
  return json;
}

}  // namespace

absl::StatusOr<CpuDiff> DiffCpus(absl::string_view first, absl::string_view second) {
  HVKIT_ASSIGN_OR_RETURN(const View before, ViewOf(first));
  HVKIT_ASSIGN_OR_RETURN(const View after, ViewOf(second));
  return CpuDiff{.leaves = DiffLeaves(before, after), .msrs = DiffMsrs(before, after)};
}

std::string FormatDiff(const CpuDiff& diff, OutputFormat format) {
  if (format == OutputFormat::kText) return ToText(diff);
  return ToJson(diff).dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace hvkit::vmm
