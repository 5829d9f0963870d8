#include "vcpu/cpuid_merge.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kvm_ioctls/fam.h"
#include "kvm_ioctls/kvm_compat.h"
#include "testing/status_matchers.h"

namespace hvkit::vcpu {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

kvm_cpuid_entry2 MakeEntry(uint32_t function, uint32_t index, uint32_t eax, uint32_t ebx = 0,
                           uint32_t ecx = 0, uint32_t edx = 0) {
  kvm_cpuid_entry2 entry = {};
  entry.function = function;
  entry.index = index;
  entry.eax = eax;
  entry.ebx = ebx;
  entry.ecx = ecx;
  entry.edx = edx;
  return entry;
}

// A made-up host of both vendors: its own topology must not shine through.
kvm::Cpuid Host() {
  const std::array<kvm_cpuid_entry2, 16> entries = {
      MakeEntry(0, 0, 0xD),
      MakeEntry(1, 0, 0x306A9, 0x07200800, 0x80202001, 0x1FC9FBFF),
      MakeEntry(4, 0, 0x3C004121),  // level 1 data, shared by 2, 16 core ids
      MakeEntry(4, 1, 0x3C07C163),  // level 3, shared by 32
      MakeEntry(4, 2, 0),
      MakeEntry(0xB, 0, 1, 2, 0x100, 7),
      MakeEntry(0xB, 1, 4, 16, 0x201, 7),
      MakeEntry(0x1F, 0, 1, 2, 0x100, 7),
      MakeEntry(0x40000000, 0, 0x40000001, 0x4B4D564B, 0x564B4D56, 0x4D),
      MakeEntry(0x40000001, 0, 0x01007EFB),
      MakeEntry(0x80000001, 0, 0, 0, 0x121, 0x2C100800),
      MakeEntry(0x80000008, 0, 0x3030, 0, 0x400F, 0),
      MakeEntry(0x8000001D, 0, 0x00004121),
      MakeEntry(0x8000001D, 3, 0x0001C163),
      MakeEntry(0x8000001E, 0, 7, 0x103, 0x300),
      MakeEntry(7, 0, 0, 0x219C97A9),
  };
  return kvm::Cpuid(std::span<const kvm_cpuid_entry2>(entries));
}

std::optional<kvm_cpuid_entry2> Find(const kvm::Cpuid& cpuid, uint32_t function,
                                     uint32_t index = 0) {
  for (const kvm_cpuid_entry2& entry : cpuid.entries()) {
    if (entry.function == function && entry.index == index) return entry;
  }
  return std::nullopt;
}

std::vector<uint32_t> HypervisorFunctions(const kvm::Cpuid& cpuid) {
  std::vector<uint32_t> functions;
  for (const kvm_cpuid_entry2& entry : cpuid.entries()) {
    if (entry.function >> 16 == 0x4000) functions.push_back(entry.function);
  }
  return functions;
}

kvm::Cpuid Merge(const CpuidPlan& plan, uint32_t apic_id = 0) {
  absl::StatusOr<kvm::Cpuid> merged = MergeCpuid(Host(), plan, apic_id);
  EXPECT_OK(merged);
  return merged.ok() ? *std::move(merged) : kvm::Cpuid();
}

kvm_cpuid_entry2 Leaf(const CpuidPlan& plan, uint32_t apic_id, uint32_t function,
                      uint32_t index = 0) {
  const std::optional<kvm_cpuid_entry2> entry = Find(Merge(plan, apic_id), function, index);
  EXPECT_TRUE(entry.has_value()) << std::hex << function << "." << index;
  return entry.value_or(kvm_cpuid_entry2{});
}

uint32_t Bits(uint32_t word, unsigned low, unsigned width) {
  return (word >> low) & ((1u << width) - 1);
}

constexpr CpuidPlan kOneCpu = {.cpu_count = 1};
constexpr CpuidPlan kSixCpus = {.cpu_count = 6};
constexpr CpuidPlan kThousandCpus = {.cpu_count = 1000};

TEST(CpuidMergeTest, ApicIdOutsideTheMachineIsRefused) {
  EXPECT_THAT(MergeCpuid(Host(), kSixCpus, 6),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("APIC id 6 of 6")));
}

TEST(CpuidMergeTest, AbsurdNumberOfCpusIsRefused) {
  EXPECT_THAT(MergeCpuid(Host(), {.cpu_count = ~0u}, 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4294967295")));
}

TEST(CpuidMergeTest, OrdinaryLeavesAreTheHosts) {
  EXPECT_EQ(Leaf(kSixCpus, 0, 7).ebx, 0x219C97A9u);
  EXPECT_EQ(Leaf(kSixCpus, 0, 1).eax, 0x306A9u);
}

TEST(CpuidMergeTest, LeafOneCarriesApicIdAndLogicalCount) {
  const uint32_t ebx = Leaf(kSixCpus, 5, 1).ebx;
  EXPECT_EQ(Bits(ebx, 24, 8), 5u);
  EXPECT_EQ(Bits(ebx, 16, 8), 6u);
  EXPECT_EQ(Bits(ebx, 8, 8), 8u);  // CLFLUSH size: the host's
}

TEST(CpuidMergeTest, HttIsSetForSeveralCpusOnly) {
  EXPECT_EQ(Bits(Leaf(kSixCpus, 0, 1).edx, 28, 1), 1u);
  EXPECT_EQ(Bits(Leaf(kOneCpu, 0, 1).edx, 28, 1), 0u);
}

TEST(CpuidMergeTest, LogicalCountSaturates) {
  EXPECT_EQ(Bits(Leaf(kThousandCpus, 0, 1).ebx, 16, 8), 255u);
}

TEST(CpuidMergeTest, HypervisorAndX2apicBitsAreSet) {
  EXPECT_EQ(Bits(Leaf(kOneCpu, 0, 1).ecx, 31, 1), 1u);
  EXPECT_EQ(Bits(Leaf(kOneCpu, 0, 1).ecx, 21, 1), 1u);
}

TEST(CpuidMergeTest, TscDeadlineFollowsTheCapability) {
  constexpr CpuidPlan kWithDeadline = {.tsc_deadline = TscDeadline::kPresent};
  EXPECT_EQ(Bits(Leaf(kWithDeadline, 0, 1).ecx, 24, 1), 1u);
  EXPECT_EQ(Bits(Leaf(kOneCpu, 0, 1).ecx, 24, 1), 0u);
}

TEST(CpuidMergeTest, InnerCachesArePrivateToACore) {
  const uint32_t eax = Leaf(kSixCpus, 0, 4, 0).eax;
  EXPECT_EQ(Bits(eax, 14, 12), 0u);
  EXPECT_EQ(Bits(eax, 26, 6), 7u);
}

TEST(CpuidMergeTest, LastLevelCacheIsSharedByTheSocket) {
  EXPECT_EQ(Bits(Leaf(kSixCpus, 0, 4, 1).eax, 14, 12), 7u);
}

TEST(CpuidMergeTest, EndOfCacheListStaysZero) { EXPECT_EQ(Leaf(kSixCpus, 0, 4, 2).eax, 0u); }

TEST(CpuidMergeTest, CoreIdsOfLeafFourSaturate) {
  EXPECT_EQ(Bits(Leaf(kThousandCpus, 0, 4, 0).eax, 26, 6), 63u);
}

TEST(CpuidMergeTest, ExtendedTopologyHasThreadCoreAndEnd) {
  const kvm::Cpuid merged = Merge(kSixCpus, 5);
  const auto level = [&](uint32_t index) {
    const kvm_cpuid_entry2 entry = Find(merged, 0xB, index).value_or(kvm_cpuid_entry2{});
    return std::vector<uint32_t>{entry.eax, entry.ebx, entry.ecx, entry.edx, entry.flags};
  };
  EXPECT_THAT(level(0), ElementsAre(0u, 1u, 0x100u, 5u, KVM_CPUID_FLAG_SIGNIFCANT_INDEX));
  EXPECT_THAT(level(1), ElementsAre(3u, 6u, 0x201u, 5u, KVM_CPUID_FLAG_SIGNIFCANT_INDEX));
  EXPECT_THAT(level(2), ElementsAre(0u, 0u, 0x002u, 5u, KVM_CPUID_FLAG_SIGNIFCANT_INDEX));
}

TEST(CpuidMergeTest, ExtendedTopologyCarriesWideApicIds) {
  EXPECT_EQ(Leaf(kThousandCpus, 999, 0xB).edx, 999u);
  EXPECT_EQ(Leaf(kThousandCpus, 999, 0xB, 1).eax, 10u);
}

TEST(CpuidMergeTest, SecondTopologyLeafEqualsTheFirst) {
  EXPECT_EQ(Leaf(kSixCpus, 5, 0x1F, 1).ebx, 6u);
  EXPECT_EQ(Leaf(kSixCpus, 5, 0x1F, 1).edx, 5u);
}

TEST(CpuidMergeTest, HostWithoutSecondTopologyLeafGetsNone) {
  const std::array<kvm_cpuid_entry2, 1> entries = {MakeEntry(0, 0, 0xD)};
  ASSERT_OK_AND_ASSIGN(
      const kvm::Cpuid merged,
      MergeCpuid(kvm::Cpuid(std::span<const kvm_cpuid_entry2>(entries)), kSixCpus, 0));
  EXPECT_FALSE(Find(merged, 0x1F).has_value());
  EXPECT_TRUE(Find(merged, 0xB).has_value());
}

TEST(CpuidMergeTest, LastBasicLeafReachesExtendedTopology) {
  const std::array<kvm_cpuid_entry2, 1> entries = {MakeEntry(0, 0, 5)};
  ASSERT_OK_AND_ASSIGN(
      const kvm::Cpuid merged,
      MergeCpuid(kvm::Cpuid(std::span<const kvm_cpuid_entry2>(entries)), kSixCpus, 0));
  EXPECT_EQ(Find(merged, 0)->eax, 0xBu);
}

TEST(CpuidMergeTest, AmdSizesCountCoresAndIdBits) {
  const kvm_cpuid_entry2 sizes = Leaf(kSixCpus, 0, 0x80000008);
  EXPECT_EQ(Bits(sizes.ecx, 0, 8), 5u);
  EXPECT_EQ(Bits(sizes.ecx, 12, 4), 3u);
  EXPECT_EQ(sizes.eax, 0x3030u);
}

TEST(CpuidMergeTest, AmdTopologyIsOneThreadPerCoreInOneNode) {
  const kvm_cpuid_entry2 entry = Leaf(kSixCpus, 4, 0x8000001E);
  EXPECT_EQ(entry.eax, 4u);
  EXPECT_EQ(entry.ebx, 4u);
  EXPECT_EQ(entry.ecx, 0u);
}

TEST(CpuidMergeTest, AmdCachesFollowTheirLevel) {
  EXPECT_EQ(Bits(Leaf(kSixCpus, 0, 0x8000001D, 0).eax, 14, 12), 0u);
  EXPECT_EQ(Bits(Leaf(kSixCpus, 0, 0x8000001D, 3).eax, 14, 12), 7u);
}

TEST(CpuidMergeTest, CmpLegacyIsSetForSeveralCpusOnly) {
  EXPECT_EQ(Leaf(kSixCpus, 0, 0x80000001).ecx, 0x123u);
  EXPECT_EQ(Leaf(kOneCpu, 0, 0x80000001).ecx, 0x121u);
}

TEST(CpuidMergeTest, KvmLeavesStayByDefault) {
  EXPECT_THAT(HypervisorFunctions(Merge(kOneCpu)), ElementsAre(0x40000000u, 0x40000001u));
}

TEST(CpuidMergeTest, NoGivenLeavesHideKvm) {
  EXPECT_THAT(HypervisorFunctions(Merge({.source = HypervisorLeaves::kGiven})), ElementsAre());
}

TEST(CpuidMergeTest, GivenLeavesReplaceKvms) {
  constexpr std::array<CpuidLeaf, 2> kLeaves = {
      {{0x40000000, 0x4000000A, 1, 2, 3}, {0x40000100, 0x40000101, 4, 5, 6}}};
  const kvm::Cpuid merged =
      Merge({.source = HypervisorLeaves::kGiven, .hypervisor_leaves = kLeaves});
  EXPECT_THAT(HypervisorFunctions(merged), ElementsAre(0x40000000u, 0x40000100u));
  EXPECT_EQ(Find(merged, 0x40000000)->eax, 0x4000000Au);
  EXPECT_EQ(Find(merged, 0x40000100)->edx, 6u);
}

TEST(CpuidMergeTest, GivenLeafOutsideTheHypervisorRangeIsRefused) {
  constexpr std::array<CpuidLeaf, 1> kLeaves = {{{1, 0, 0, 0, 0}}};
  EXPECT_THAT(
      MergeCpuid(Host(), {.source = HypervisorLeaves::kGiven, .hypervisor_leaves = kLeaves}, 0),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("0x1 ")));
}

}  // namespace
}  // namespace hvkit::vcpu
