#include "hyperv/msr/msr_table.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "hyperv/msr/msr_lookup.h"
#include "hyperv/msr/msr_row.h"
#include "hyperv/overlay/overlay_kind.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/msr.h"

namespace hvkit::hyperv {
namespace {

namespace bits = tlfs::bits;

// Every index of every row.
std::multiset<uint32_t> AllIndices() {
  std::multiset<uint32_t> all;
  for (const MsrRow& row : MsrTable()) {
    for (unsigned i = 0; i < row.instances; ++i) all.insert(row.IndexOf(i));
  }
  return all;
}

// The MSRs that a guest partition can have, as written in the TLFS and in Linux.
const std::set<uint32_t>& KnownMsrs() {
  static const auto* const known = [] {
    auto* const all = new std::set<uint32_t>{
        0x40000000, 0x40000001, 0x40000002, 0x40000003, 0x40000010, 0x40000020,
        0x40000021, 0x40000022, 0x40000023, 0x40000040, 0x40000070, 0x40000071,
        0x40000072, 0x40000073, 0x40000080, 0x40000081, 0x40000082, 0x40000083,
        0x40000084, 0x400000F0, 0x400000F1, 0x400000F2, 0x400000F3, 0x400000F4,
        0x400000F5, 0x400000FF, 0x40000114, 0x40000115, 0x40000118};
    for (uint32_t i = 0x90; i <= 0x9F; ++i) all->insert(0x40000000 + i);
    for (uint32_t i = 0xB0; i <= 0xB7; ++i) all->insert(0x40000000 + i);
    for (uint32_t i = 0x100; i <= 0x108; ++i) all->insert(0x40000000 + i);
    return all;
  }();
  return *known;
}

TEST(MsrTableTest, EachMsrStandsInItOnce) {
  const std::multiset<uint32_t> all = AllIndices();
  for (const uint32_t index : all) EXPECT_EQ(all.count(index), 1u) << std::hex << index;
}

TEST(MsrTableTest, HoldsTheMsrsOfAGuestPartitionAndNoOthers) {
  const std::multiset<uint32_t> all = AllIndices();
  EXPECT_EQ(std::set<uint32_t>(all.begin(), all.end()), KnownMsrs());
}

TEST(MsrTableTest, NamesAreTheTlfsOnesAndDiffer) {
  std::set<std::string> names;
  for (const MsrRow& row : MsrTable()) {
    const std::string name = row.name;
    EXPECT_EQ(name.rfind("HV_X64_MSR_", 0), 0u) << name;
    EXPECT_EQ(name.find('x') != std::string::npos, row.instances > 1) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(MsrTableTest, GatesAreBitsOfTheFeatureLeaf) {
  for (const MsrRow& row : MsrTable()) {
    ASSERT_NE(row.gate, nullptr) << row.name;
    EXPECT_EQ(row.gate->leaf, tlfs::CpuidLeaf::kFeatures) << row.name;
    EXPECT_LT(row.gate->bit, 32) << row.name;
  }
}

TEST(MsrTableTest, GatesOfSomeBitsAreBitsOfTheFeatureLeafToo) {
  std::set<const tlfs::CpuidBit*> gates;
  for (const MsrRow& row : MsrTable()) {
    if (row.gated.gate != nullptr) gates.insert(row.gated.gate);
  }
  EXPECT_EQ(gates, (std::set<const tlfs::CpuidBit*>{&bits::kHypercallMsrLock, &bits::kSintPolling,
                                                    &bits::kDirectStimer}));
}

TEST(MsrTableTest, ReservedKindsAreDisjoint) {
  for (const MsrRow& row : MsrTable()) {
    for (const MsrReservedBits& reserved : {row.reserved, row.gated.without}) {
      EXPECT_EQ(reserved.preserved & reserved.faulting, 0u) << row.name;
      EXPECT_EQ(reserved.preserved & reserved.ignored, 0u) << row.name;
      EXPECT_EQ(reserved.faulting & reserved.ignored, 0u) << row.name;
    }
  }
}

TEST(MsrTableTest, GatedBitsAreNotReservedAnyway) {
  for (const MsrRow& row : MsrTable()) {
    const uint64_t reserved = row.reserved.preserved | row.reserved.faulting | row.reserved.ignored;
    const MsrReservedBits& without = row.gated.without;
    EXPECT_EQ((without.preserved | without.faulting | without.ignored) & reserved, 0u) << row.name;
  }
}

TEST(MsrTableTest, ResetValuesAreLegalWrites) {
  for (const MsrRow& row : MsrTable()) {
    const uint64_t illegal = row.reserved.faulting | row.reserved.ignored;
    EXPECT_EQ(row.reset.value_or(0) & illegal, 0u) << row.name;
  }
}

TEST(MsrTableTest, ReadOnlyRowsHaveNoReservedPolicy) {
  for (const MsrRow& row : MsrTable()) {
    if (row.access != MsrAccess::kRead) continue;
    EXPECT_EQ(row.reserved.preserved | row.reserved.faulting | row.reserved.ignored, 0u)
        << row.name;
  }
}

TEST(MsrTableTest, PageRegistersPreserveTheBitsBelowTheAddress) {
  for (const MsrRow& row : MsrTable()) {
    if (!row.overlay.has_value()) continue;
    const uint64_t fields = tlfs::OverlayMsr::Enable::kMask | tlfs::OverlayMsr::Gpn::kMask |
                            row.gated.without.preserved;
    EXPECT_EQ(row.reserved.preserved, ~fields) << row.name;
    EXPECT_EQ(row.reset, 0u) << row.name;
  }
}

TEST(MsrTableTest, EachKindOfOverlayHasItsRegister) {
  const std::map<MsrId, OverlayKind> expected = {{MsrId::kHypercall, OverlayKind::kHypercall},
                                                 {MsrId::kReferenceTsc, OverlayKind::kReferenceTsc},
                                                 {MsrId::kVpAssistPage, OverlayKind::kVpAssist},
                                                 {MsrId::kSimp, OverlayKind::kSimp},
                                                 {MsrId::kSiefp, OverlayKind::kSiefp}};
  std::map<MsrId, OverlayKind> found;
  for (const MsrRow& row : MsrTable()) {
    if (row.overlay.has_value()) found.emplace(row.id, *row.overlay);
  }
  EXPECT_EQ(found, expected);
}

// Values that guests and other hypervisors know by heart.

struct RowCase {
  MsrId id;
  uint32_t first;
  unsigned instances;
  MsrAccess access;
  MsrScope scope;
  std::optional<uint64_t> reset;
  const tlfs::CpuidBit* gate;
};

class MsrRowTest : public ::testing::TestWithParam<RowCase> {};

TEST_P(MsrRowTest, RowIsAsTheSpecificationSays) {
  const RowCase& expected = GetParam();
  const MsrRow& row = RowOf(expected.id);
  EXPECT_EQ(row.id, expected.id);
  EXPECT_EQ(static_cast<uint32_t>(row.first), expected.first);
  EXPECT_EQ(row.instances, expected.instances);
  EXPECT_EQ(row.access, expected.access);
  EXPECT_EQ(row.scope, expected.scope);
  EXPECT_EQ(row.reset, expected.reset);
  EXPECT_EQ(row.gate, expected.gate);
}

using enum MsrAccess;
constexpr auto kAll = MsrScope::kPartition;
constexpr auto kOwn = MsrScope::kVp;
constexpr auto kHosts = std::nullopt;

INSTANTIATE_TEST_SUITE_P(
    Rows, MsrRowTest,
    ::testing::Values(
        RowCase{MsrId::kGuestOsId, 0x40000000, 1, kReadWrite, kAll, 0, &bits::kAccessHypercall},
        RowCase{MsrId::kHypercall, 0x40000001, 1, kReadWrite, kAll, 0, &bits::kAccessHypercall},
        RowCase{MsrId::kVpIndex, 0x40000002, 1, kRead, kOwn, kHosts, &bits::kAccessVpIndex},
        RowCase{MsrId::kReset, 0x40000003, 1, kReadWrite, kAll, 0, &bits::kAccessReset},
        RowCase{MsrId::kVpRuntime, 0x40000010, 1, kRead, kOwn, kHosts, &bits::kAccessVpRuntime},
        RowCase{MsrId::kTimeRefCount, 0x40000020, 1, kRead, kAll, kHosts,
                &bits::kAccessTimeRefCount},
        RowCase{MsrId::kReferenceTsc, 0x40000021, 1, kReadWrite, kAll, 0,
                &bits::kAccessReferenceTsc},
        RowCase{MsrId::kTscFrequency, 0x40000022, 1, kRead, kAll, kHosts, &bits::kAccessFrequency},
        RowCase{MsrId::kApicFrequency, 0x40000023, 1, kRead, kAll, kHosts, &bits::kAccessFrequency},
        RowCase{MsrId::kEoi, 0x40000070, 1, kWrite, kOwn, kHosts, &bits::kAccessApic},
        RowCase{MsrId::kIcr, 0x40000071, 1, kReadWrite, kOwn, kHosts, &bits::kAccessApic},
        RowCase{MsrId::kTpr, 0x40000072, 1, kReadWrite, kOwn, kHosts, &bits::kAccessApic},
        RowCase{MsrId::kVpAssistPage, 0x40000073, 1, kReadWrite, kOwn, 0, &bits::kAccessApic},
        RowCase{MsrId::kScontrol, 0x40000080, 1, kReadWrite, kOwn, 1, &bits::kAccessSynic},
        RowCase{MsrId::kSversion, 0x40000081, 1, kRead, kOwn, 1, &bits::kAccessSynic},
        RowCase{MsrId::kSiefp, 0x40000082, 1, kReadWrite, kOwn, 0, &bits::kAccessSynic},
        RowCase{MsrId::kSimp, 0x40000083, 1, kReadWrite, kOwn, 0, &bits::kAccessSynic},
        RowCase{MsrId::kEom, 0x40000084, 1, kReadWrite, kOwn, 0, &bits::kAccessSynic},
        RowCase{MsrId::kSint, 0x40000090, 16, kReadWrite, kOwn, 0x10000, &bits::kAccessSynic},
        RowCase{MsrId::kStimerConfig, 0x400000B0, 4, kReadWrite, kOwn, 0, &bits::kAccessStimer},
        RowCase{MsrId::kStimerCount, 0x400000B1, 4, kReadWrite, kOwn, 0, &bits::kAccessStimer},
        RowCase{MsrId::kGuestIdle, 0x400000F0, 1, kRead, kOwn, 0, &bits::kAccessGuestIdle},
        RowCase{MsrId::kSyndbgControl, 0x400000F1, 1, kReadWrite, kAll, 0, &bits::kDebugMsrs},
        RowCase{MsrId::kSyndbgOptions, 0x400000FF, 1, kReadWrite, kAll, 0, &bits::kDebugMsrs},
        RowCase{MsrId::kCrashParameter, 0x40000100, 5, kReadWrite, kAll, 0, &bits::kGuestCrashMsrs},
        RowCase{MsrId::kCrashControl, 0x40000105, 1, kReadWrite, kAll, uint64_t{3} << 62,
                &bits::kGuestCrashMsrs},
        RowCase{MsrId::kReenlightenmentControl, 0x40000106, 1, kReadWrite, kAll, 0,
                &bits::kAccessReenlightenment},
        RowCase{MsrId::kTscEmulationControl, 0x40000107, 1, kReadWrite, kAll, 0,
                &bits::kAccessReenlightenment},
        RowCase{MsrId::kTscEmulationStatus, 0x40000108, 1, kReadWrite, kAll, 0,
                &bits::kAccessReenlightenment},
        RowCase{MsrId::kTscInvariantControl, 0x40000118, 1, kReadWrite, kAll, 0,
                &bits::kAccessTscInvariant}));

// Lookup.

TEST(MsrLookupTest, EveryIndexOfTheRangeFindsItsRowOrNothing) {
  for (uint32_t index = 0x3FFFFF00; index <= 0x40001200; ++index) {
    const std::optional<MsrId> id = FindMsr(index);
    ASSERT_EQ(id.has_value(), KnownMsrs().contains(index)) << std::hex << index;
    if (id.has_value()) {
      const MsrRow& row = RowOf(*id);
      const unsigned instance = row.InstanceOf(index);
      EXPECT_LT(instance, row.instances) << std::hex << index;
      EXPECT_EQ(row.IndexOf(instance), index);
    }
  }
}

TEST(MsrLookupTest, IndicesFarFromTheRangeFindNothing) {
  for (const uint32_t index : {0u, 0x10u, 0x3Bu, 0x118u, 0x80000000u, 0xC0000080u, 0xFFFFFFFFu}) {
    EXPECT_FALSE(FindMsr(index).has_value()) << std::hex << index;
  }
}

TEST(MsrLookupTest, InstancesOfInterleavedRegistersAreTold) {
  EXPECT_EQ(FindMsr(0x400000B5), MsrId::kStimerCount);
  EXPECT_EQ(RowOf(MsrId::kStimerCount).InstanceOf(0x400000B5), 2u);
  EXPECT_EQ(FindMsr(0x400000B6), MsrId::kStimerConfig);
  EXPECT_EQ(RowOf(MsrId::kStimerConfig).InstanceOf(0x400000B6), 3u);
}

}  // namespace
}  // namespace hvkit::hyperv
