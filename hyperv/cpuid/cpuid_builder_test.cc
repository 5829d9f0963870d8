#include "hyperv/cpuid/cpuid_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "hyperv/tlfs/cpuid.h"

namespace hvkit::hyperv {
namespace {

namespace bits = tlfs::bits;
using enum Enlightenment;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<uint32_t> Numbers(const std::vector<CpuidEntry>& leaves) {
  std::vector<uint32_t> numbers;
  numbers.reserve(leaves.size());
  for (const CpuidEntry& leaf : leaves) numbers.push_back(leaf.leaf);
  return numbers;
}

// The entry of `leaf`, or one with number 0 if there is none.
CpuidEntry Find(const std::vector<CpuidEntry>& leaves, uint32_t leaf) {
  const auto found = std::find_if(leaves.begin(), leaves.end(),
                                  [leaf](const CpuidEntry& entry) { return entry.leaf == leaf; });
  return found == leaves.end() ? CpuidEntry() : *found;
}

CpuidEntry Build(const EnlightenmentSet& set, uint32_t leaf) {
  return Find(BuildCpuid(set, CpuidFacts()), leaf);
}

std::string Signature(const CpuidEntry& entry) {
  std::string text(12, '\0');
  std::memcpy(text.data(), &entry.ebx, 4);
  std::memcpy(text.data() + 4, &entry.ecx, 4);
  std::memcpy(text.data() + 8, &entry.edx, 4);
  return text;
}

TEST(BuildCpuidTest, NothingAskedGivesNoLeaves) {
  EXPECT_THAT(BuildCpuid(EnlightenmentSet(), CpuidFacts()), IsEmpty());
}

TEST(BuildCpuidTest, VendorIdAloneDoesNotShowHyperv) {
  EXPECT_THAT(BuildCpuid({kVendorId, kEnforceCpuid}, CpuidFacts()), IsEmpty());
}

TEST(BuildCpuidTest, AnyEnlightenmentGivesLeavesZeroToFive) {
  EXPECT_THAT(Numbers(BuildCpuid({kRelaxed}, CpuidFacts())),
              ElementsAre(0x40000000, 0x40000001, 0x40000002, 0x40000003, 0x40000004, 0x40000005));
}

TEST(BuildCpuidTest, LeafZeroHasVendorAndMax) {
  const CpuidEntry entry = Build({kRelaxed}, 0x40000000);
  EXPECT_EQ(entry, (CpuidEntry{0x40000000, 0x40000005, 0x7263694D, 0x666F736F, 0x76482074}));
}

TEST(BuildCpuidTest, LeafZeroHasTheNamedVendor) {
  EnlightenmentSet set{kRelaxed};
  set.set_vendor_id("ABC");
  EXPECT_EQ(Build(set, 0x40000000), (CpuidEntry{0x40000000, 0x40000005, 0x00434241, 0, 0}));
}

TEST(BuildCpuidTest, LeafOneSaysHv1) {
  EXPECT_EQ(Build({kRelaxed}, 0x40000001), (CpuidEntry{0x40000001, 0x31237648, 0, 0, 0}));
}

TEST(BuildCpuidTest, LeafTwoIsServer2016ByDefault) {
  EXPECT_EQ(Build({kRelaxed}, 0x40000002), (CpuidEntry{0x40000002, 0x3839, 0x000A0000, 0, 0}));
}

TEST(BuildCpuidTest, LeafTwoPacksTheVersion) {
  EnlightenmentSet set{kRelaxed};
  set.version() = {.build = 0x4F7C,
                   .major_version = 0x1122,
                   .minor_version = 0x3344,
                   .service_pack = 5,
                   .service_branch = 0x66,
                   .service_number = 0x778899};
  EXPECT_EQ(Build(set, 0x40000002), (CpuidEntry{0x40000002, 0x4F7C, 0x11223344, 5, 0x66778899}));
}

TEST(BuildCpuidTest, LeafTwoKeepsServiceNumberOutOfTheBranch) {
  EnlightenmentSet set{kRelaxed};
  set.version().service_branch = 1;
  set.version().service_number = 0xFF000002;
  EXPECT_EQ(Build(set, 0x40000002).edx, 0x01000002u);
}

TEST(BuildCpuidTest, LeafThreeAlwaysHasHypercallsAndDynamicPartitioning) {
  EXPECT_EQ(Build({kRelaxed}, 0x40000003), (CpuidEntry{0x40000003, 0x20, 0, 0, 0x8}));
}

TEST(BuildCpuidTest, LeafFourNeverNotifiesByDefault) {
  EXPECT_EQ(Build({kRelaxed}, 0x40000004), (CpuidEntry{0x40000004, 0x20, 0xFFFFFFFF, 0, 0}));
}

TEST(BuildCpuidTest, LeafFourHasTheSpinlockAttempts) {
  EnlightenmentSet set;
  set.set_spinlocks(0x1FFF);
  EXPECT_EQ(Build(set, 0x40000004).ebx, 0x1FFFu);
}

TEST(BuildCpuidTest, LeafFiveHasTheLimits) {
  const CpuidFacts facts{.max_vps = 1024, .max_lps = 32, .max_interrupt_vectors = 7};
  EXPECT_EQ(Find(BuildCpuid({kRelaxed}, facts), 0x40000005),
            (CpuidEntry{0x40000005, 1024, 32, 7, 0}));
}

struct BitsRow {
  Enlightenment id;
  uint32_t eax3 = 0, ebx3 = 0, edx3 = 0;  // Leaf 0x40000003 beyond what all have
  uint32_t eax4 = 0;                      // Leaf 0x40000004
  uint32_t eax_a = 0;                     // Leaf 0x4000000A
};

// Values worked out by hand from QEMU's kvm_hyperv_properties[] and the TLFS.
TEST(BuildCpuidTest, EachEnlightenmentSetsItsBitsAndNoOther) {
  const BitsRow rows[] = {
      {.id = kRelaxed, .eax4 = 0x20},
      {.id = kVapic, .eax3 = 0x10, .eax4 = 0x8},
      {.id = kVpIndex, .eax3 = 0x40},
      {.id = kRuntime, .eax3 = 0x1},
      {.id = kCrash, .edx3 = 0x400},
      {.id = kTime, .eax3 = 0x202},
      {.id = kSynic, .eax3 = 0x4, .ebx3 = 0x30},
      {.id = kStimer, .eax3 = 0x8},
      {.id = kStimerDirect, .edx3 = 0x80000},
      {.id = kTlbFlush, .eax4 = 0x804},
      {.id = kTlbFlushExt, .edx3 = 0x4000},
      {.id = kTlbFlushDirect, .eax_a = 0x20000},
      {.id = kIpi, .eax4 = 0xC00},
      {.id = kReset, .eax3 = 0x80},
      {.id = kFrequencies, .eax3 = 0x800, .edx3 = 0x100},
      {.id = kReenlightenment, .eax3 = 0x2000},
      {.id = kEvmcs, .eax4 = 0x4000, .eax_a = 0x101},
      {.id = kAvic, .eax4 = 0x200},
      {.id = kSyndbg, .ebx3 = 0x800, .edx3 = 0x802},
      {.id = kEmsrBitmap, .eax_a = 0x80000},
      {.id = kXmmInput, .edx3 = 0x10},
      {.id = kTscInvariant, .eax3 = 0x8000},
      {.id = kExtHypercalls, .ebx3 = 0x100000},
      {.id = kStartVp, .ebx3 = 0x200000},
      {.id = kVpRegisters, .ebx3 = 0x20000},
      {.id = kXmmOutput, .edx3 = 0x8000},
      {.id = kSintPolling, .edx3 = 0x20000},
      {.id = kHypercallLock, .edx3 = 0x40000},
      {.id = kGuestIdle, .eax3 = 0x400, .edx3 = 0x20},
      {.id = kPassthrough},
  };
  for (const BitsRow& row : rows) {
    SCOPED_TRACE(std::string(Name(row.id)));
    const std::vector<CpuidEntry> leaves = BuildCpuid({row.id}, CpuidFacts());
    EXPECT_EQ(Find(leaves, 0x40000003),
              (CpuidEntry{0x40000003, row.eax3 | 0x20, row.ebx3, 0, row.edx3 | 0x8}));
    EXPECT_EQ(Find(leaves, 0x40000004), (CpuidEntry{0x40000004, row.eax4, 0xFFFFFFFF, 0, 0}));
    EXPECT_EQ(Find(leaves, 0x4000000A).eax, row.eax_a);
  }
}

TEST(BuildCpuidTest, CoresharingSetsItsBitBesideAnother) {
  EXPECT_EQ(Build({kRelaxed, kNoNonarchCoresharing}, 0x40000004).eax, 0x40020u);
}

TEST(BuildCpuidTest, AvicTakesBackTheApicMsrRecommendation) {
  EXPECT_EQ(Build({kVapic, kAvic}, 0x40000004).eax, 0x200u);
  EXPECT_EQ(Build({kVapic, kAvic}, 0x40000003).eax, 0x30u);
}

TEST(BuildCpuidTest, BackEndWithoutAutoEoiDeprecatesIt) {
  const std::vector<CpuidEntry> leaves = BuildCpuid({kVapic}, {.deprecate_auto_eoi = true});
  EXPECT_EQ(Find(leaves, 0x40000004).eax, 0x208u);
}

TEST(BuildCpuidTest, NestedFeaturesGiveLeavesSixToTen) {
  const std::vector<CpuidEntry> leaves = BuildCpuid({kVapic, kEvmcs}, CpuidFacts());
  EXPECT_THAT(Numbers(leaves),
              ElementsAre(0x40000000, 0x40000001, 0x40000002, 0x40000003, 0x40000004, 0x40000005,
                          0x40000006, 0x40000007, 0x40000008, 0x40000009, 0x4000000A));
  EXPECT_EQ(leaves[0].eax, 0x4000000Au);
  for (size_t i = 6; i <= 9; ++i) EXPECT_EQ(leaves[i], CpuidEntry{leaves[i].leaf});
}

TEST(BuildCpuidTest, LeafTenHasTheBackEndsEvmcsVersions) {
  const CpuidFacts facts{.evmcs_version_low = 1, .evmcs_version_high = 2, .nested_features_ebx = 1};
  EXPECT_EQ(Find(BuildCpuid({kVapic, kEvmcs, kEmsrBitmap}, facts), 0x4000000A),
            (CpuidEntry{0x4000000A, 0x80201, 1, 0, 0}));
}

TEST(BuildCpuidTest, HardwareFeaturesGiveLeafSix) {
  const std::vector<CpuidEntry> leaves = BuildCpuid({kVapic}, {.hardware_features_eax = 0xA});
  EXPECT_EQ(leaves[0].eax, 0x40000006u);
  EXPECT_EQ(leaves.back(), (CpuidEntry{0x40000006, 0xA, 0, 0, 0}));
}

TEST(BuildCpuidTest, HardwareFeaturesStandBesideNestedOnes) {
  const std::vector<CpuidEntry> leaves =
      BuildCpuid({kVapic, kTlbFlushDirect}, {.hardware_features_eax = 0xA});
  EXPECT_EQ(Find(leaves, 0x40000006).eax, 0xAu);
  EXPECT_EQ(leaves.back().leaf, 0x4000000Au);
}

TEST(BuildCpuidTest, SyndbgGivesItsLeaves) {
  const std::vector<CpuidEntry> leaves =
      BuildCpuid({kVpIndex, kSynic, kRelaxed, kSyndbg}, CpuidFacts());
  EXPECT_EQ(leaves[0].eax, 0x40000082u);
  EXPECT_EQ(Find(leaves, 0x40000080).eax, 0u);
  EXPECT_EQ(Signature(Find(leaves, 0x40000080)), "Microsoft VS");
  EXPECT_EQ(Find(leaves, 0x40000081), (CpuidEntry{0x40000081, 0x31235356, 0, 0, 0}));
  EXPECT_EQ(Find(leaves, 0x40000082), (CpuidEntry{0x40000082, 0x2, 0, 0, 0}));
}

TEST(BuildCpuidTest, KvmLeavesAloneStandAtTheBase) {
  const std::vector<CpuidEntry> leaves =
      BuildCpuid({kVendorId}, {.kvm = KvmLeaf{.features_eax = 0xAB, .hints_edx = 1}});
  EXPECT_THAT(Numbers(leaves), ElementsAre(0x40000000, 0x40000001));
  EXPECT_EQ(leaves[0].eax, 0x40000001u);
  EXPECT_EQ(Signature(leaves[0]), std::string("KVMKVMKVM\0\0\0", 12));
  EXPECT_EQ(leaves[1], (CpuidEntry{0x40000001, 0xAB, 0, 0, 1}));
}

TEST(BuildCpuidTest, KvmLeavesMoveUpBesideHyperv) {
  const std::vector<CpuidEntry> leaves =
      BuildCpuid({kRelaxed}, {.kvm = KvmLeaf{.features_eax = 0xAB, .hints_edx = 1}});
  EXPECT_EQ(leaves[0].eax, 0x40000005u);
  EXPECT_EQ(Find(leaves, 0x40000100).eax, 0x40000101u);
  EXPECT_EQ(Signature(Find(leaves, 0x40000100)), std::string("KVMKVMKVM\0\0\0", 12));
  EXPECT_EQ(leaves.back(), (CpuidEntry{0x40000101, 0xAB, 0, 0, 1}));
}

TEST(BuildCpuidTest, LeavesAscend) {
  EnlightenmentSet all;
  for (const EnlightenmentInfo& info : AllEnlightenments()) all.Add(info.id);
  const std::vector<uint32_t> numbers = Numbers(BuildCpuid(all, {.kvm = KvmLeaf{}}));
  EXPECT_EQ(numbers.size(), 16u);
  EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
}

TEST(MissingBitsTest, NothingIsMissingFromWhatTheBuilderMade) {
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    EnlightenmentSet set{kRelaxed};
    set.Add(info.id);
    EXPECT_THAT(MissingBits(info.id, BuildCpuid(set, CpuidFacts())), IsEmpty()) << info.name;
  }
}

TEST(MissingBitsTest, AllIsMissingFromNoLeaves) {
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    EXPECT_EQ(MissingBits(info.id, {}).size(), info.cpuid_bits.size()) << info.name;
  }
}

TEST(MissingBitsTest, OnlyTheAbsentBitIsNamed) {
  const std::vector<CpuidEntry> leaves = {{.leaf = 0x40000003, .eax = 0x800}};
  const std::vector<tlfs::CpuidBit> missing = MissingBits(kFrequencies, leaves);
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_STREQ(missing[0].name, bits::kFrequencyMsrs.name);
}

TEST(MissingBitsTest, EnlightenmentWithoutBitsLacksNone) {
  EXPECT_THAT(MissingBits(kSpinlocks, {}), IsEmpty());
}

// The bits that kvm_get_hv_cpuid() of Linux 6.12 sets without VMX and with SMT possible.
TEST(MissingBitsTest, LeavesOfLinux612LackEvmcsCoresharingAndSixOfOurs) {
  const std::vector<CpuidEntry> leaves = {
      {.leaf = 0x40000003, .eax = 0xAAFF, .ebx = 0x100830, .edx = 0x84D12},
      {.leaf = 0x40000004, .eax = 0xE2C, .ebx = 0xFFF},
      {.leaf = 0x4000000A, .eax = 0xA0000},
      {.leaf = 0x40000082, .eax = 0x2},
  };
  EnlightenmentMask lacking;
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (!MissingBits(info.id, leaves).empty()) lacking.Add(info.id);
  }
  EXPECT_EQ(lacking, (EnlightenmentMask{kEvmcs, kNoNonarchCoresharing, kStartVp, kVpRegisters,
                                        kXmmOutput, kSintPolling, kHypercallLock, kGuestIdle}));
}

TEST(TurnedOnByTest, NamesEveryOneThatSetsABit) {
  EXPECT_EQ(TurnedOnBy(bits::kUseExProcessorMasks), (EnlightenmentMask{kTlbFlush, kIpi}));
  EXPECT_EQ(TurnedOnBy(bits::kAccessSynic), EnlightenmentMask{kSynic});
}

TEST(TurnedOnByTest, NobodySetsABitThatNoEnlightenmentHas) {
  EXPECT_TRUE(TurnedOnBy(bits::kAccessPartitionId).empty());
  EXPECT_TRUE(TurnedOnBy(bits::kCpuManagement).empty());
}

TEST(RegisterOfTest, ReadsAndWritesEachRegister) {
  CpuidEntry entry;
  RegisterOf(entry, tlfs::CpuidRegister::kEax) = 1;
  RegisterOf(entry, tlfs::CpuidRegister::kEbx) = 2;
  RegisterOf(entry, tlfs::CpuidRegister::kEcx) = 3;
  RegisterOf(entry, tlfs::CpuidRegister::kEdx) = 4;
  EXPECT_EQ(entry, (CpuidEntry{0, 1, 2, 3, 4}));
}

}  // namespace
}  // namespace hvkit::hyperv
