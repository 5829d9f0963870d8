#include "hyperv/msr/cpuid_privileges.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/msr/msr_gate.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/msr/msr_row.h"
#include "hyperv/msr/msr_table.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/cpuid.h"

namespace hvkit::hyperv {
namespace {

Privileges PrivilegesWith(const EnlightenmentSet& set) {
  return PrivilegesOf(BuildCpuid(set, CpuidFacts{}));
}

bool Allows(const MsrGate& gate, uint32_t index) {
  return gate.AdmitRead(index).outcome == MsrOutcome::kHandled ||
         gate.AdmitWrite(index, 0).outcome == MsrOutcome::kHandled;
}

TEST(CpuidPrivilegesTest, LeavesWithoutHypervGiveNone) {
  const Privileges none = PrivilegesOf({});
  EXPECT_FALSE(none.Has(tlfs::bits::kAccessHypercall));
  EXPECT_FALSE(none.Has(tlfs::bits::kUseRelaxedTiming));
}

TEST(CpuidPrivilegesTest, FeaturesAndRecommendationsAreTaken) {
  const Privileges privileges = PrivilegesWith({Enlightenment::kRelaxed, Enlightenment::kCrash});
  EXPECT_TRUE(privileges.Has(tlfs::bits::kUseRelaxedTiming));
  EXPECT_TRUE(privileges.Has(tlfs::bits::kGuestCrashMsrs));
  EXPECT_FALSE(privileges.Has(tlfs::bits::kAccessReset));
}

TEST(CpuidPrivilegesTest, AnyGuestOfHypervHasItsIdentityMsrs) {
  const MsrGate gate(PrivilegesWith({Enlightenment::kRelaxed}));
  EXPECT_TRUE(Allows(gate, RowOf(MsrId::kGuestOsId).IndexOf(0)));
  EXPECT_TRUE(Allows(gate, RowOf(MsrId::kHypercall).IndexOf(0)));
}

// What the enlightenments' table promises is what the gate lets through.
class EnlightenmentMsrTest : public ::testing::TestWithParam<Enlightenment> {};

TEST_P(EnlightenmentMsrTest, ItsMsrsAreAllowedWithItAndFaultWithoutIt) {
  const EnlightenmentInfo& info = Info(GetParam());
  const MsrGate with(PrivilegesWith({info.id}));
  const MsrGate without(PrivilegesWith({Enlightenment::kRelaxed}));
  for (const MsrRange& range : info.msrs) {
    for (auto index = static_cast<uint32_t>(range.first);
         index <= static_cast<uint32_t>(range.last); ++index) {
      EXPECT_TRUE(Allows(with, index)) << info.name << std::hex << index;
      EXPECT_FALSE(Allows(without, index)) << info.name << std::hex << index;
    }
  }
}

std::vector<Enlightenment> WithMsrs() {
  std::vector<Enlightenment> all;
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (!info.msrs.empty()) all.push_back(info.id);
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Enlightenments, EnlightenmentMsrTest, ::testing::ValuesIn(WithMsrs()));

}  // namespace
}  // namespace hvkit::hyperv
