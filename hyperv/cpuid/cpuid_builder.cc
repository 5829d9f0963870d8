#include "hyperv/cpuid/cpuid_builder.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace hvkit::hyperv {
namespace {

namespace bits = tlfs::bits;
using tlfs::CpuidBit;
using tlfs::CpuidLeaf;
using tlfs::CpuidRegister;

constexpr char kKvmSignature[] = "KVMKVMKVM\0\0";  // 12 bytes with the terminator
constexpr uint32_t kKvmLeavesAlone = 0x40000000;
constexpr uint32_t kKvmLeavesWithHyperv = 0x40000100;

constexpr uint32_t Number(CpuidLeaf leaf) { return static_cast<uint32_t>(leaf); }

// An entry whose EBX, ECX and EDX spell a 12-byte signature.
CpuidEntry SignatureEntry(uint32_t leaf, uint32_t eax, const char* signature) {
  std::array<uint32_t, 3> words;
  std::memcpy(words.data(), signature, sizeof(words));
  return {leaf, eax, words[0], words[1], words[2]};
}

bool Holds(const CpuidEntry& entry, const CpuidBit& bit) {
  return (RegisterOf(entry, bit.reg) & bit.mask()) != 0;
}

void SetBit(CpuidEntry& entry, const CpuidBit& bit) { RegisterOf(entry, bit.reg) |= bit.mask(); }

void ClearBit(CpuidEntry& entry, const CpuidBit& bit) { RegisterOf(entry, bit.reg) &= ~bit.mask(); }

// The entry of `leaf` with the bits of every enlightenment in the set.
CpuidEntry EntryOf(const EnlightenmentSet& set, CpuidLeaf leaf) {
  CpuidEntry entry{.leaf = Number(leaf)};
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (!set.Has(info.id)) continue;
    for (const CpuidBit* bit : info.cpuid_bits) {
      if (bit->leaf == leaf) SetBit(entry, *bit);
    }
  }
  return entry;
}

CpuidEntry VersionEntry(const HypervisorVersion& version) {
  return {.leaf = Number(CpuidLeaf::kVersion),
          .eax = version.build,
          .ebx = uint32_t{version.major_version} << 16 | version.minor_version,
          .ecx = version.service_pack,
          .edx = uint32_t{version.service_branch} << 24 | (version.service_number & 0xFFFFFF)};
}

CpuidEntry FeaturesEntry(const EnlightenmentSet& set) {
  CpuidEntry entry = EntryOf(set, CpuidLeaf::kFeatures);
  SetBit(entry, bits::kAccessHypercall);      // "Hv#1" promises it
  SetBit(entry, bits::kDynamicPartitioning);  // As QEMU: Windows wants it for processor hotplug
  return entry;
}

CpuidEntry RecommendationsEntry(const EnlightenmentSet& set, const CpuidFacts& facts) {
  CpuidEntry entry = EntryOf(set, CpuidLeaf::kRecommendations);
  if (facts.deprecate_auto_eoi) SetBit(entry, bits::kDeprecateAutoEoi);
  // With a hardware-accelerated APIC its own registers are faster than the MSRs.
  if (set.Has(Enlightenment::kAvic)) ClearBit(entry, bits::kUseApicMsrs);
  entry.ebx = set.spinlocks();
  return entry;
}

// Shown only if its EAX is not zero.
CpuidEntry NestedEntry(const EnlightenmentSet& set, const CpuidFacts& facts) {
  CpuidEntry entry = EntryOf(set, CpuidLeaf::kNestedFeatures);
  if (set.Has(Enlightenment::kEvmcs)) {
    entry.eax |= facts.evmcs_version_low | uint32_t{facts.evmcs_version_high}
                                               << tlfs::kEvmcsVersionHighShift;
  }
  entry.ebx = facts.nested_features_ebx;
  return entry;
}

// The last of leaves 0x40000005..0x4000000A that there is.
CpuidLeaf LastPlainLeaf(const CpuidEntry& nested, const CpuidFacts& facts) {
  if (nested.eax != 0) return CpuidLeaf::kNestedFeatures;
  return facts.hardware_features_eax != 0 ? CpuidLeaf::kHardwareFeatures : CpuidLeaf::kLimits;
}

// One of leaves 0x40000006..0x4000000A: those between the two with content are zero, as in QEMU.
CpuidEntry UpperEntry(uint32_t leaf, const CpuidEntry& nested, const CpuidFacts& facts) {
  if (leaf == nested.leaf) return nested;
  const bool hardware = leaf == Number(CpuidLeaf::kHardwareFeatures);
  return {.leaf = leaf, .eax = hardware ? facts.hardware_features_eax : 0};
}

void AppendSyndbgLeaves(const EnlightenmentSet& set, std::vector<CpuidEntry>& leaves) {
  leaves.push_back(SignatureEntry(Number(CpuidLeaf::kSyndbgVendorAndMax), 0, tlfs::kSyndbgVendor));
  leaves.push_back({.leaf = Number(CpuidLeaf::kSyndbgInterface), .eax = tlfs::kSyndbgSignature});
  leaves.push_back(EntryOf(set, CpuidLeaf::kSyndbgCapabilities));
}

void AppendHypervLeaves(const EnlightenmentSet& set, const CpuidFacts& facts,
                        std::vector<CpuidEntry>& leaves) {
  const bool syndbg = set.Has(Enlightenment::kSyndbg);
  const CpuidEntry nested = NestedEntry(set, facts);
  const CpuidLeaf last = LastPlainLeaf(nested, facts);
  const CpuidLeaf max = syndbg ? CpuidLeaf::kSyndbgCapabilities : last;

  leaves.push_back(
      SignatureEntry(Number(CpuidLeaf::kVendorAndMax), Number(max), set.vendor_id().data()));
  leaves.push_back({.leaf = Number(CpuidLeaf::kInterface), .eax = tlfs::kInterfaceSignature});
  leaves.push_back(VersionEntry(set.version()));
  leaves.push_back(FeaturesEntry(set));
  leaves.push_back(RecommendationsEntry(set, facts));
  leaves.push_back({.leaf = Number(CpuidLeaf::kLimits),
                    .eax = facts.max_vps,
                    .ebx = facts.max_lps,
                    .ecx = facts.max_interrupt_vectors});
  for (uint32_t leaf = Number(CpuidLeaf::kHardwareFeatures); leaf <= Number(last); ++leaf) {
    leaves.push_back(UpperEntry(leaf, nested, facts));
  }
  if (syndbg) AppendSyndbgLeaves(set, leaves);
}

void AppendKvmLeaves(const KvmLeaf& kvm, uint32_t base, std::vector<CpuidEntry>& leaves) {
  leaves.push_back(SignatureEntry(base, base + 1, kKvmSignature));
  leaves.push_back({.leaf = base + 1, .eax = kvm.features_eax, .edx = kvm.hints_edx});
}

}  // namespace

std::vector<CpuidEntry> BuildCpuid(const EnlightenmentSet& set, const CpuidFacts& facts) {
  std::vector<CpuidEntry> leaves;
  if (set.Enabled()) AppendHypervLeaves(set, facts, leaves);
  if (facts.kvm) {
    const uint32_t base = leaves.empty() ? kKvmLeavesAlone : kKvmLeavesWithHyperv;
    AppendKvmLeaves(*facts.kvm, base, leaves);
  }
  return leaves;
}

std::vector<tlfs::CpuidBit> MissingBits(Enlightenment e, std::span<const CpuidEntry> leaves) {
  std::vector<CpuidBit> missing;
  for (const CpuidBit* bit : Info(e).cpuid_bits) {
    const auto entry = std::find_if(leaves.begin(), leaves.end(), [bit](const CpuidEntry& leaf) {
      return leaf.leaf == Number(bit->leaf);
    });
    if (entry == leaves.end() || !Holds(*entry, *bit)) missing.push_back(*bit);
  }
  return missing;
}

EnlightenmentMask TurnedOnBy(const tlfs::CpuidBit& bit) {
  EnlightenmentMask result;
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    for (const CpuidBit* own : info.cpuid_bits) {
      if (own->leaf == bit.leaf && own->reg == bit.reg && own->bit == bit.bit) result.Add(info.id);
    }
  }
  return result;
}

uint32_t& RegisterOf(CpuidEntry& entry, tlfs::CpuidRegister reg) {
  switch (reg) {
    case CpuidRegister::kEax:
      return entry.eax;
    case CpuidRegister::kEbx:
      return entry.ebx;
    case CpuidRegister::kEcx:
      return entry.ecx;
    case CpuidRegister::kEdx:
      break;
  }
  return entry.edx;
}

uint32_t RegisterOf(const CpuidEntry& entry, tlfs::CpuidRegister reg) {
  CpuidEntry copy = entry;
  return RegisterOf(copy, reg);
}

}  // namespace hvkit::hyperv
