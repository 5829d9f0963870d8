#include "vcpu/hyperv_kvm/user_ability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::vcpu {
namespace {

using hyperv::Enlightenment;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kNeeded[] = {
    KVM_CAP_X86_USER_SPACE_MSR, KVM_CAP_X86_MSR_FILTER, KVM_CAP_IRQCHIP,         KVM_CAP_SIGNAL_MSI,
    KVM_CAP_IMMEDIATE_EXIT,     KVM_CAP_GET_TSC_KHZ,    KVM_CAP_VCPU_ATTRIBUTES,
};

KernelFacts WithoutHyperv() {
  KernelFacts facts;
  for (const int cap : kNeeded) facts.capabilities[static_cast<uint32_t>(cap)] = 1;
  return facts;
}

TEST(UserAbilityTest, KernelWithoutHypervIsEnough) {
  const hyperv::Ability ability = UserAbility(WithoutHyperv(), CoreSharing::kImpossible);
  for (Enlightenment e : {Enlightenment::kRelaxed,       Enlightenment::kVapic,
                          Enlightenment::kVpIndex,       Enlightenment::kRuntime,
                          Enlightenment::kCrash,         Enlightenment::kTime,
                          Enlightenment::kSynic,         Enlightenment::kStimer,
                          Enlightenment::kStimerDirect,  Enlightenment::kReset,
                          Enlightenment::kFrequencies,   Enlightenment::kReenlightenment,
                          Enlightenment::kAvic,          Enlightenment::kTscInvariant,
                          Enlightenment::kSpinlocks,     Enlightenment::kTlbFlush,
                          Enlightenment::kTlbFlushExt,   Enlightenment::kIpi,
                          Enlightenment::kXmmInput,      Enlightenment::kXmmOutput,
                          Enlightenment::kExtHypercalls, Enlightenment::kStartVp,
                          Enlightenment::kVpRegisters,   Enlightenment::kSintPolling,
                          Enlightenment::kHypercallLock, Enlightenment::kNoNonarchCoresharing,
                          Enlightenment::kEnforceCpuid,  Enlightenment::kPassthrough}) {
    EXPECT_THAT(ability.reason(e), IsEmpty()) << hyperv::Name(e);
  }
}

TEST(UserAbilityTest, MissingCapabilityLeavesNothing) {
  for (const int cap : kNeeded) {
    KernelFacts facts = WithoutHyperv();
    facts.capabilities[static_cast<uint32_t>(cap)] = 0;
    const hyperv::Ability ability = UserAbility(facts, CoreSharing::kImpossible);
    for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
      EXPECT_THAT(ability.reason(info.id), HasSubstr("is 0 on this machine")) << info.name;
    }
  }
}

TEST(UserAbilityTest, FlushesHaveADrawback) {
  const hyperv::Ability ability = UserAbility(WithoutHyperv(), CoreSharing::kImpossible);
  EXPECT_THAT(ability.drawbacks[hyperv::Index(Enlightenment::kTlbFlush)], HasSubstr("KVM_RUN"));
  EXPECT_THAT(ability.drawbacks[hyperv::Index(Enlightenment::kIpi)], IsEmpty());
}

std::string BeyondPassthrough(const KernelFacts& facts, Enlightenment e) {
  return UserAbility(facts, CoreSharing::kImpossible).beyond_passthrough[hyperv::Index(e)];
}

TEST(UserAbilityTest, PassthroughIsEverythingWhereKvmHasNoHyperv) {
  for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    EXPECT_THAT(BeyondPassthrough(WithoutHyperv(), info.id), IsEmpty()) << info.name;
  }
}

TEST(UserAbilityTest, PassthroughIsWhatKvmHasWhereItHasHyperv) {
  constexpr uint32_t kFeatures = 0x40000003;
  constexpr uint32_t kVpRuntimeAndReset = 1 << 0 | 1 << 7;
  KernelFacts facts = WithoutHyperv();
  facts.hv_leaves = {{.leaf = kFeatures, .eax = kVpRuntimeAndReset}};
  EXPECT_THAT(BeyondPassthrough(facts, Enlightenment::kRuntime), IsEmpty());
  EXPECT_THAT(BeyondPassthrough(facts, Enlightenment::kTlbFlushExt),
              HasSubstr("KVM_GET_SUPPORTED_HV_CPUID lacks"));
}

TEST(UserAbilityTest, WhatOnlyKvmCouldDoIsRefusedWithItsReason) {
  const hyperv::Ability ability = UserAbility(WithoutHyperv(), CoreSharing::kImpossible);
  EXPECT_THAT(ability.reason(Enlightenment::kEvmcs), HasSubstr("VMX"));
  EXPECT_THAT(ability.reason(Enlightenment::kTlbFlushDirect), HasSubstr("VMX"));
  EXPECT_THAT(ability.reason(Enlightenment::kEmsrBitmap), HasSubstr("VMX"));
  EXPECT_THAT(ability.reason(Enlightenment::kGuestIdle), HasSubstr("RFLAGS"));
}

TEST(UserAbilityTest, CoresharingIsPromisedOnlyWhereItIsImpossible) {
  for (CoreSharing sharing : {CoreSharing::kPossible, CoreSharing::kUnknown}) {
    EXPECT_THAT(UserAbility(WithoutHyperv(), sharing).reason(Enlightenment::kNoNonarchCoresharing),
                HasSubstr("smt/control"));
  }
}

TEST(SmtControlTest, EachWordOfTheKernels) {
  EXPECT_EQ(ParseSmtControl("on\n"), CoreSharing::kPossible);
  EXPECT_EQ(ParseSmtControl("off"), CoreSharing::kPossible);
  EXPECT_EQ(ParseSmtControl("forceoff"), CoreSharing::kImpossible);
  EXPECT_EQ(ParseSmtControl("notsupported\n"), CoreSharing::kImpossible);
  EXPECT_EQ(ParseSmtControl("notimplemented"), CoreSharing::kUnknown);
  EXPECT_EQ(ParseSmtControl(""), CoreSharing::kUnknown);
}

}  // namespace
}  // namespace hvkit::vcpu
