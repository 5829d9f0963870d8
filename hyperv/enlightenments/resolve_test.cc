#include "hyperv/enlightenments/resolve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "hyperv/enlightenments/cpu_flag.h"
#include "hyperv/tlfs/cpuid.h"
#include "testing/status_matchers.h"

namespace hvkit::hyperv {
namespace {

using enum Enlightenment;
using ::hvkit::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kNoCapability[] = "KVM_CAP_EXAMPLE is 0";

CpuSpec Parsed(const std::string& flag) {
  absl::StatusOr<CpuSpec> spec = ParseCpuFlag(flag);
  EXPECT_OK(spec);
  return spec.value_or(CpuSpec());
}

Ability Without(std::initializer_list<Enlightenment> denied) {
  Ability ability;
  for (Enlightenment e : denied) ability.reasons[Index(e)] = kNoCapability;
  return ability;
}

TEST(ResolveTest, EveryAbsentOneHasAReasonAndNoOther) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv_passthrough,hv_time=off"), Without({kEvmcs})));
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    EXPECT_EQ(result.absent_reason(info.id).empty(), result.in_force.Has(info.id)) << info.name;
  }
}

TEST(ResolveTest, WhatWasNamedIsInForceWithItsValues) {
  ASSERT_OK_AND_ASSIGN(
      const Resolution result,
      Resolve(Parsed("host,hv_vpindex,hv_spinlocks=7,hv_vendor_id=ABC,hv_version_id_build=5"),
              Ability()));
  EXPECT_EQ(result.in_force.mask(),
            (EnlightenmentMask{kVpIndex, kSpinlocks, kVendorId, kVersionIdBuild, kEnforceCpuid}));
  EXPECT_EQ(result.in_force.spinlocks(), 7u);
  EXPECT_EQ(result.in_force.vendor_id()[2], 'C');
  EXPECT_EQ(result.in_force.version().build, 5u);
  EXPECT_EQ(result.absent_reason(kTime), "not named in --cpu");
}

TEST(ResolveTest, NamedWithoutAbilityIsRefusedWithTheReason) {
  EXPECT_THAT(Resolve(Parsed("host,hv_vapic,hv_evmcs"), Without({kEvmcs})),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "--cpu: hv_evmcs cannot be had here: KVM_CAP_EXAMPLE is 0"));
}

TEST(ResolveTest, EachRefusedOneIsNamed) {
  EXPECT_THAT(Resolve(Parsed("host,hv_time,hv_reset,hv_crash"), Without({kTime, kCrash})),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("hv_time"), HasSubstr("hv_crash"))));
}

TEST(ResolveTest, MissingDependencyIsBadUsageEvenWithoutAbility) {
  CpuSpec spec;
  spec.requested = {kSynic};
  EXPECT_THAT(Resolve(spec, Without({kSynic, kVpIndex})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "--cpu: hv_synic needs hv_vpindex; add hv_vpindex or drop hv_synic"));
}

TEST(ResolveTest, WithoutHypervOnlyIdentityStays) {
  ASSERT_OK_AND_ASSIGN(
      const Resolution result,
      Resolve(Parsed("host,hv_vendor_id=ABC,hv_no_nonarch_coresharing=on"), Ability()));
  EXPECT_EQ(result.in_force.mask(), EnlightenmentMask{kVendorId});
  EXPECT_FALSE(result.in_force.Enabled());
}

TEST(EnforceCpuidTest, IsTakenByDefault) {
  ASSERT_OK_AND_ASSIGN(const Resolution result, Resolve(Parsed("host,hv_time"), Ability()));
  EXPECT_TRUE(result.in_force.Has(kEnforceCpuid));
}

TEST(EnforceCpuidTest, IsLeftOutWhenNamedOff) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv_time,hv_enforce_cpuid=off"), Ability()));
  EXPECT_FALSE(result.in_force.Has(kEnforceCpuid));
  EXPECT_EQ(result.absent_reason(kEnforceCpuid), "named off in --cpu");
}

TEST(EnforceCpuidTest, DefaultDoesNotFailWithoutAbility) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv_time"), Without({kEnforceCpuid})));
  EXPECT_EQ(result.absent_reason(kEnforceCpuid), kNoCapability);
}

TEST(EnforceCpuidTest, NamedFailsWithoutAbility) {
  EXPECT_THAT(Resolve(Parsed("host,hv_time,hv_enforce_cpuid"), Without({kEnforceCpuid})),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("hv_enforce_cpuid")));
}

TEST(PassthroughTest, TakesAllOfQemusButSyndbg) {
  ASSERT_OK_AND_ASSIGN(const Resolution result, Resolve(Parsed("host,hv_passthrough"), Ability()));
  const EnlightenmentMask expected{kRelaxed,
                                   kVapic,
                                   kVpIndex,
                                   kRuntime,
                                   kCrash,
                                   kTime,
                                   kSynic,
                                   kStimer,
                                   kStimerDirect,
                                   kTlbFlush,
                                   kTlbFlushExt,
                                   kTlbFlushDirect,
                                   kIpi,
                                   kReset,
                                   kFrequencies,
                                   kReenlightenment,
                                   kEvmcs,
                                   kAvic,
                                   kEmsrBitmap,
                                   kXmmInput,
                                   kNoNonarchCoresharing,
                                   kPassthrough,
                                   kEnforceCpuid};
  EXPECT_EQ(result.in_force.mask(), expected);
}

TEST(PassthroughTest, LeavesOutWhatCannotBeHadAndWhatNeedsIt) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv_passthrough"), Without({kVpIndex})));
  for (Enlightenment e :
       {kVpIndex, kSynic, kStimer, kStimerDirect, kTlbFlush, kTlbFlushExt, kIpi}) {
    EXPECT_FALSE(result.in_force.Has(e)) << Name(e);
  }
  EXPECT_TRUE(result.in_force.Has(kTime));
  EXPECT_EQ(result.absent_reason(kVpIndex), kNoCapability);
  EXPECT_EQ(result.absent_reason(kStimerDirect), "needs hv_vpindex: KVM_CAP_EXAMPLE is 0");
}

TEST(PassthroughTest, LeavesOutWhatWasNamedOffAndWhatNeedsIt) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv_passthrough,hv_time=off,hv_ipi=off"), Ability()));
  EXPECT_EQ(result.absent_reason(kTime), "named off in --cpu");
  EXPECT_EQ(result.absent_reason(kStimer), "needs hv_time, named off");
  EXPECT_EQ(result.absent_reason(kIpi), "named off in --cpu");
  EXPECT_TRUE(result.in_force.Has(kSynic));
}

TEST(PassthroughTest, SuppliesWhatANamedOneNeeds) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv_passthrough,hv_syndbg,hv_start_vp"), Ability()));
  EXPECT_TRUE(result.in_force.Has(kSyndbg));
  EXPECT_TRUE(result.in_force.Has(kStartVp));
}

TEST(PassthroughTest, NamedWhoseNeedCannotBeHadIsRefusedWithBoth) {
  EXPECT_THAT(Resolve(Parsed("host,hv_passthrough,hv_syndbg"), Without({kSynic})),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "--cpu: hv_syndbg cannot be had here: needs hv_synic: KVM_CAP_EXAMPLE is "
                       "0"));
}

TEST(PassthroughTest, TakesTheBackEndsSpinlocks) {
  Ability ability;
  ability.passthrough_spinlocks = 0xFFF;
  ASSERT_OK_AND_ASSIGN(const Resolution result, Resolve(Parsed("host,hv_passthrough"), ability));
  EXPECT_EQ(result.in_force.spinlocks(), 0xFFFu);
  EXPECT_TRUE(result.absent_reason(kSpinlocks).empty());
}

Ability WithDrawback(Enlightenment e) {
  Ability ability;
  ability.drawbacks[Index(e)] = "it is slow";
  return ability;
}

Ability BeyondPassthrough(Enlightenment e) {
  Ability ability;
  ability.beyond_passthrough[Index(e)] = "KVM lacks it";
  return ability;
}

TEST(PresetTest, MembersWithADrawbackAreLeftOutAndSayWhy) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv=linux"), WithDrawback(kTlbFlush)));
  EXPECT_FALSE(result.in_force.Has(kTlbFlush));
  EXPECT_THAT(result.absent_reason(kTlbFlush), HasSubstr("it is slow"));
}

TEST(PresetTest, DrawbackDoesNotHinderWhoNamesTheMember) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv=linux,hv_tlbflush"), WithDrawback(kTlbFlush)));
  EXPECT_TRUE(result.in_force.Has(kTlbFlush));
}

TEST(PresetTest, DrawbackDoesNotHinderWhoNamesSomethingThatNeedsTheMember) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv=linux,hv_tlbflush_ext"), WithDrawback(kTlbFlush)));
  EXPECT_TRUE(result.in_force.Has(kTlbFlush));
}

TEST(PassthroughTest, TakesWhatHasADrawback) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv_passthrough"), WithDrawback(kTlbFlush)));
  EXPECT_TRUE(result.in_force.Has(kTlbFlush));
}

TEST(PassthroughTest, LeavesOutWhatIsBeyondItAndSaysWhy) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv_passthrough"), BeyondPassthrough(kTlbFlushExt)));
  EXPECT_FALSE(result.in_force.Has(kTlbFlushExt));
  EXPECT_THAT(result.absent_reason(kTlbFlushExt), HasSubstr("KVM lacks it"));
}

TEST(PassthroughTest, WhatIsBeyondItIsThereForWhoNamesIt) {
  ASSERT_OK_AND_ASSIGN(
      const Resolution result,
      Resolve(Parsed("host,hv_passthrough,hv_tlbflush_ext"), BeyondPassthrough(kTlbFlushExt)));
  EXPECT_TRUE(result.in_force.Has(kTlbFlushExt));
}

TEST(PresetTest, TakesWhatIsBeyondPassthrough) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv=windows"), BeyondPassthrough(kTlbFlushExt)));
  EXPECT_TRUE(result.in_force.Has(kTlbFlushExt));
}

TEST(PassthroughTest, NamedSpinlocksWin) {
  Ability ability;
  ability.passthrough_spinlocks = 0xFFF;
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv_passthrough,hv_spinlocks=9"), ability));
  EXPECT_EQ(result.in_force.spinlocks(), 9u);
}

TEST(PassthroughTest, CannotBeHadWhereTheBackEndDeniesIt) {
  EXPECT_THAT(Resolve(Parsed("host,hv_passthrough"), Without({kPassthrough})),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("hv_passthrough")));
}

TEST(ResolveTest, NamedOneWithoutHypervSaysThatNothingTurnsItOn) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv_no_nonarch_coresharing=on"), Ability()));
  EXPECT_THAT(result.absent_reason(kNoNonarchCoresharing),
              ::testing::HasSubstr("turns Hyper-V on"));
}

TEST(PresetTest, MembersThatCanBeHadAreInForce) {
  ASSERT_OK_AND_ASSIGN(const Resolution result, Resolve(Parsed("host,hv=windows"), Ability()));
  EXPECT_TRUE(result.in_force.Has(kStimerDirect));
  EXPECT_EQ(result.in_force.spinlocks(), 0x1FFFu);
  EXPECT_EQ(result.absent_reason(kEvmcs), "not named in --cpu");
}

TEST(PresetTest, MembersThatCannotBeHadAreLeftOutWithTheirReason) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv=hyper-v"), Without({kEvmcs, kSynic, kSpinlocks})));
  EXPECT_EQ(result.absent_reason(kEvmcs), kNoCapability);
  EXPECT_EQ(result.absent_reason(kStimer), "needs hv_synic: KVM_CAP_EXAMPLE is 0");
  EXPECT_EQ(result.in_force.spinlocks(), tlfs::kSpinlocksNever);
  EXPECT_TRUE(result.in_force.Has(kTime));
}

TEST(PresetTest, MembersNamedOffAreLeftOutWithWhatNeedsThem) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv_time=off,hv=linux"), Ability()));
  EXPECT_EQ(result.absent_reason(kTime), "named off in --cpu");
  EXPECT_EQ(result.absent_reason(kStimerDirect), "needs hv_time, named off");
}

TEST(PresetTest, NamedMemberIsADemand) {
  EXPECT_THAT(Resolve(Parsed("host,hv=hyper-v,hv_evmcs"), Without({kEvmcs})),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("hv_evmcs")));
}

TEST(PresetTest, NamedSpinlocksWin) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv=windows,hv_spinlocks=9"), Ability()));
  EXPECT_EQ(result.in_force.spinlocks(), 9u);
}

TEST(PresetTest, SpinlocksNamedNeverAreNever) {
  Ability ability;
  ability.passthrough_spinlocks = 0xFFF;
  ASSERT_OK_AND_ASSIGN(
      const Resolution result,
      Resolve(Parsed("host,hv=windows,hv_passthrough,hv_spinlocks=0xffffffff"), ability));
  EXPECT_EQ(result.in_force.spinlocks(), tlfs::kSpinlocksNever);
  EXPECT_EQ(result.absent_reason(kSpinlocks), "named off in --cpu");
}

TEST(CoresharingTest, AutoTakesItWhereItCanBeHad) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv_time,hv_no_nonarch_coresharing=auto"), Ability()));
  EXPECT_TRUE(result.in_force.Has(kNoNonarchCoresharing));
}

TEST(CoresharingTest, AutoLeavesItOutWhereItCannotBeHad) {
  ASSERT_OK_AND_ASSIGN(const Resolution result,
                       Resolve(Parsed("host,hv_time,hv_no_nonarch_coresharing=auto"),
                               Without({kNoNonarchCoresharing})));
  EXPECT_FALSE(result.in_force.Has(kNoNonarchCoresharing));
  EXPECT_EQ(result.absent_reason(kNoNonarchCoresharing), kNoCapability);
}

TEST(AdviceTest, NamesWhatWouldHelp) {
  EXPECT_THAT(Advice({kTime}), ElementsAre("--cpu: hv_time works better with hv_frequencies"));
}

TEST(AdviceTest, IsEmptyWhereNothingIsWanted) {
  EXPECT_THAT(Advice({kTime, kFrequencies, kRelaxed}), IsEmpty());
}

}  // namespace
}  // namespace hvkit::hyperv
