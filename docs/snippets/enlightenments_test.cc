// Snippets of docs/packages/enlightenments.md.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/enlightenments/cpu_flag.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/resolve.h"
#include "hyperv/tlfs/cpuid.h"

namespace hvkit::hyperv {
namespace {

// snippet: resolve
// What the user asked for, in QEMU's syntax, and what this back end cannot do.
absl::StatusOr<EnlightenmentSet> InForce(const std::string& cpu) {
  absl::StatusOr<CpuSpec> spec = ParseCpuFlag(cpu);
  if (!spec.ok()) return spec.status();  // "--cpu: hv_synic needs hv_vpindex; add ..."
  Ability ability;
  ability.reasons[Index(Enlightenment::kEvmcs)] = "there is no nested virtualization";
  absl::StatusOr<Resolution> resolution = Resolve(*spec, ability);
  if (!resolution.ok()) return resolution.status();  // "--cpu: hv_evmcs cannot be had here: ..."
  return resolution->in_force;
}
// end

TEST(EnlightenmentsPage, Resolve) {
  EXPECT_TRUE(InForce("host,hv=hyper-v").ok());
  EXPECT_TRUE(InForce("host,hv=hyper-v")->Has(Enlightenment::kStimer));
  EXPECT_FALSE(InForce("host,hv_vapic,hv_evmcs").ok());
  EXPECT_FALSE(InForce("host,hv_synic").ok());
}

TEST(EnlightenmentsPage, Cpuid) {
  const EnlightenmentSet in_force{Enlightenment::kTime};
  // snippet: cpuid
  // The leaves 0x40000000 and up, to be put into the processor's table.
  const std::vector<CpuidEntry> leaves = BuildCpuid(in_force, {.max_vps = 64});
  // And backwards: what turned a bit on, and what leaves lack for an enlightenment.
  const EnlightenmentMask why = TurnedOnBy(tlfs::bits::kAccessTimeRefCount);
  const std::vector<tlfs::CpuidBit> lacking = MissingBits(Enlightenment::kSynic, leaves);
  // end
  EXPECT_EQ(why, EnlightenmentMask{Enlightenment::kTime});
  EXPECT_EQ(lacking.size(), 3u);
}

}  // namespace
}  // namespace hvkit::hyperv
