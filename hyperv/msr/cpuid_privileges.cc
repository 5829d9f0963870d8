#include "hyperv/msr/cpuid_privileges.h"

#include <cstdint>

#include "hyperv/tlfs/cpuid.h"

namespace hvkit::hyperv {
namespace {

CpuidWords Find(std::span<const CpuidEntry> leaves, tlfs::CpuidLeaf leaf) {
  for (const CpuidEntry& entry : leaves) {
    if (entry.leaf == static_cast<uint32_t>(leaf)) {
      return {entry.eax, entry.ebx, entry.ecx, entry.edx};
    }
  }
  return {};
}

}  // namespace

Privileges PrivilegesOf(std::span<const CpuidEntry> leaves) {
  return Privileges(Find(leaves, tlfs::CpuidLeaf::kFeatures),
                    Find(leaves, tlfs::CpuidLeaf::kRecommendations));
}

}  // namespace hvkit::hyperv
