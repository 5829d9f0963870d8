// What a guest may do, as its CPUID announces it: the one value that all gating asks.
//
// TLFS: feature-discovery.md "Microsoft Hypervisor CPUID Leaves", leaves 0x40000003 and 0x40000004;
// datatypes/hv_partition_privilege_mask.md. Which bits a guest is given is decided by hyperv/cpuid.
// Immutable.
#ifndef HVKIT_HYPERV_MSR_PRIVILEGES_H_
#define HVKIT_HYPERV_MSR_PRIVILEGES_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "hyperv/tlfs/cpuid.h"

namespace hvkit::hyperv {

// The four registers of one leaf.
struct CpuidWords {
  uint32_t eax = 0;
  uint32_t ebx = 0;
  uint32_t ecx = 0;
  uint32_t edx = 0;
};

// What a guest may use, by the leaves that it sees. A value type.
class Privileges {
 public:
  // None at all.
  constexpr Privileges() = default;
  // Of a guest that sees these leaves.
  constexpr Privileges(const CpuidWords& features, const CpuidWords& recommendations)
      : features_(WordsOf(features)), recommendations_(WordsOf(recommendations)) {}
  // Of a guest that may use what its CPUID does not announce: hv_enforce_cpuid=off.
  static constexpr Privileges Unrestricted() {
    constexpr CpuidWords kAll{~0u, ~0u, ~0u, ~0u};
    return Privileges(kAll, kAll);
  }

  // Bits of other leaves are never held.
  constexpr bool Has(const tlfs::CpuidBit& bit) const {
    const auto reg = static_cast<size_t>(bit.reg);
    if (bit.leaf == tlfs::CpuidLeaf::kFeatures) return (features_[reg] & bit.mask()) != 0;
    if (bit.leaf == tlfs::CpuidLeaf::kRecommendations) {
      return (recommendations_[reg] & bit.mask()) != 0;
    }
    return false;
  }

  // Whether the guest is told after how many tries to notify a long spin.
  constexpr bool MayNotifyLongSpins() const {
    const uint32_t tries = recommendations_[static_cast<size_t>(tlfs::CpuidRegister::kEbx)];
    if (tries == tlfs::kSpinlocksNever) return recommendations_ == kAllWords;
    return tries != 0;
  }

 private:
  using Words = std::array<uint32_t, 4>;  // In the order of CpuidRegister

  static constexpr Words kAllWords = {~0u, ~0u, ~0u, ~0u};  // Unrestricted

  static constexpr Words WordsOf(const CpuidWords& leaf) {
    return {leaf.eax, leaf.ebx, leaf.ecx, leaf.edx};
  }

  Words features_{};
  Words recommendations_{};
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_MSR_PRIVILEGES_H_
