// The hypervisor's CPUID leaves for a set of enlightenments, and the same question backwards.
//
// Leaves 0x40000000..0x4000000A, 0x40000080..82 and KVM's own. Driven by the bits in the
// enlightenments' table; values follow QEMU (hyperv_fill_cpuids() in target/i386/kvm/kvm.c) save
// that Debugging is privilege bit 43 (leaf 3 EBX 11), as in the TLFS. Leaf 1 and ordinary leaves
// are not here. Pure functions: thread-safe.
#ifndef HVKIT_HYPERV_CPUID_CPUID_BUILDER_H_
#define HVKIT_HYPERV_CPUID_CPUID_BUILDER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/tlfs/cpuid.h"

namespace hvkit::hyperv {

// A leaf without subleaves.
struct CpuidEntry {
  uint32_t leaf = 0;
  uint32_t eax = 0;
  uint32_t ebx = 0;
  uint32_t ecx = 0;
  uint32_t edx = 0;

  friend bool operator==(const CpuidEntry&, const CpuidEntry&) = default;
};

// KVM's paravirtual features and hints: leaf 0x40000001 without Hyper-V, 0x40000101 with it.
struct KvmLeaf {
  uint32_t features_eax = 0;
  uint32_t hints_edx = 0;
};

// What the back end knows and the set of enlightenments does not. Zero limits mean "not reported".
struct CpuidFacts {
  uint32_t max_vps = 0;                // Leaf 5 EAX
  uint32_t max_lps = 64;               // Leaf 5 EBX; 64 as in QEMU
  uint32_t max_interrupt_vectors = 0;  // Leaf 5 ECX: for interrupt remapping
  uint8_t evmcs_version_low = 1;       // Leaf 10 EAX 7:0, with hv_evmcs
  uint8_t evmcs_version_high = 1;      // Leaf 10 EAX 15:8, with hv_evmcs
  uint32_t nested_features_ebx = 0;    // Leaf 10 EBX, with any nested feature
  uint32_t hardware_features_eax = 0;  // Leaf 6 EAX: shown only if not zero
  bool deprecate_auto_eoi = false;     // The back end has no AutoEOI: say so without hv_avic too
  std::optional<KvmLeaf> kvm = std::nullopt;  // Nothing: kvm=off, or not on KVM
};

// Leaves in ascending order. Without Hyper-V (set.Enabled() false) only KVM's, at 0x40000000.
[[nodiscard]] std::vector<CpuidEntry> BuildCpuid(const EnlightenmentSet& set,
                                                 const CpuidFacts& facts);

// The bits of `e` that `leaves` lack, empty if all are there. For a back end that is given leaves,
// as by KVM_GET_SUPPORTED_HV_CPUID. An enlightenment without bits lacks none.
[[nodiscard]] std::vector<tlfs::CpuidBit> MissingBits(Enlightenment e,
                                                      std::span<const CpuidEntry> leaves);

// The enlightenments that turn a bit on: the explanation of a bit seen in a guest.
[[nodiscard]] EnlightenmentMask TurnedOnBy(const tlfs::CpuidBit& bit);

// The register of an entry that holds `reg`.
[[nodiscard]] uint32_t& RegisterOf(CpuidEntry& entry, tlfs::CpuidRegister reg);
[[nodiscard]] uint32_t RegisterOf(const CpuidEntry& entry, tlfs::CpuidRegister reg);

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_CPUID_CPUID_BUILDER_H_
