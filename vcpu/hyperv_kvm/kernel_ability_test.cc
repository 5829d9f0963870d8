#include "vcpu/hyperv_kvm/kernel_ability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/tlfs/cpuid.h"
#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::vcpu {
namespace {

using hyperv::Enlightenment;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What Linux 6.1 with kvm-amd reports.
KernelFacts Linux61OnSvm() {
  KernelFacts facts;
  for (const int cap :
       {KVM_CAP_HYPERV, KVM_CAP_HYPERV_VAPIC, KVM_CAP_HYPERV_SPIN, KVM_CAP_HYPERV_TIME,
        KVM_CAP_HYPERV_SYNIC2, KVM_CAP_HYPERV_VP_INDEX, KVM_CAP_HYPERV_TLBFLUSH,
        KVM_CAP_HYPERV_SEND_IPI, KVM_CAP_SYS_HYPERV_CPUID, KVM_CAP_HYPERV_ENFORCE_CPUID}) {
    facts.capabilities[static_cast<uint32_t>(cap)] = 1;
  }
  facts.hv_leaves = {{0x40000000, 0x4000000a, 0, 0, 0},
                     {0x40000001, hyperv::tlfs::kInterfaceSignature, 0, 0, 0},
                     {0x40000003, 0x2aff, 0x830, 0, 0x80d12},
                     {0x40000004, 0x40e2c, 0xfff, 0, 0},
                     {0x4000000a, 0x80000, 0, 0, 0},
                     {0x40000081, hyperv::tlfs::kSyndbgSignature, 0, 0, 0},
                     {0x40000082, 0x2, 0, 0, 0}};
  return facts;
}

TEST(KernelAbilityTest, ReportedBitsMakeAnEnlightenmentAvailable) {
  const hyperv::Ability ability = KernelAbility(Linux61OnSvm());
  for (Enlightenment e :
       {Enlightenment::kRelaxed, Enlightenment::kSynic, Enlightenment::kStimerDirect,
        Enlightenment::kTlbFlush, Enlightenment::kIpi, Enlightenment::kCrash,
        Enlightenment::kVendorId, Enlightenment::kEnforceCpuid, Enlightenment::kEmsrBitmap}) {
    EXPECT_THAT(ability.reason(e), IsEmpty()) << hyperv::Name(e);
  }
}

TEST(KernelAbilityTest, MissingBitIsNamed) {
  EXPECT_THAT(KernelAbility(Linux61OnSvm()).reason(Enlightenment::kTlbFlushExt),
              HasSubstr("ExtendedGvaRangesForFlush"));
}

TEST(KernelAbilityTest, MissingCapabilityIsNamed) {
  EXPECT_THAT(KernelAbility(Linux61OnSvm()).reason(Enlightenment::kEvmcs),
              HasSubstr("KVM_CAP_HYPERV_ENLIGHTENED_VMCS"));
}

TEST(KernelAbilityTest, CapabilityOutranksReportedBits) {
  KernelFacts facts = Linux61OnSvm();
  facts.capabilities[KVM_CAP_HYPERV_SYNIC2] = 0;
  EXPECT_THAT(KernelAbility(facts).reason(Enlightenment::kSynic),
              HasSubstr("KVM_CAP_HYPERV_SYNIC2"));
}

TEST(KernelAbilityTest, EvmcsNeedsNoBitBeforeItsCapabilityIsEnabled) {
  KernelFacts facts = Linux61OnSvm();
  facts.capabilities[KVM_CAP_HYPERV_ENLIGHTENED_VMCS] = 1;
  EXPECT_THAT(KernelAbility(facts).reason(Enlightenment::kEvmcs), IsEmpty());
}

TEST(KernelAbilityTest, KernelWithoutHypervHasNothing) {
  const hyperv::Ability ability = KernelAbility(KernelFacts{});
  for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    EXPECT_THAT(ability.reason(info.id), HasSubstr("KVM_CAP_SYS_HYPERV_CPUID")) << info.name;
  }
}

TEST(KernelAbilityTest, PassthroughTakesTheKernelsSpinlocks) {
  EXPECT_EQ(KernelAbility(Linux61OnSvm()).passthrough_spinlocks, 0xfffu);
}

TEST(KernelAbilityTest, TheDebuggerNeedsItsBitsOnly) {
  KernelFacts facts = Linux61OnSvm();
  EXPECT_THAT(KernelAbility(facts).reason(Enlightenment::kSyndbg), IsEmpty());
  std::erase_if(facts.hv_leaves, [](const hyperv::CpuidEntry& entry) {
    return entry.leaf == static_cast<uint32_t>(hyperv::tlfs::CpuidLeaf::kSyndbgCapabilities);
  });
  EXPECT_THAT(KernelAbility(facts).reason(Enlightenment::kSyndbg),
              HasSubstr("AllowKernelDebugging"));
}

TEST(KernelAbilityTest, ExtendedHypercallsNeedAKernelThatForwardsThem) {
  EXPECT_THAT(KernelAbility(Linux61OnSvm()).reason(Enlightenment::kExtHypercalls),
              HasSubstr("EnableExtendedHypercalls"));
}

TEST(KernelAbilityTest, CallsThatKvmKeepsForItselfAreRefused) {
  for (const Enlightenment e : {Enlightenment::kStartVp, Enlightenment::kVpRegisters}) {
    EXPECT_THAT(KernelAbility(Linux61OnSvm()).reason(e), HasSubstr("does not forward"));
  }
}

}  // namespace
}  // namespace hvkit::vcpu
