#include "hyperv/partition/vp_registers.h"

#include <cstdint>

#include "gtest/gtest.h"
#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/host/ids.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/partition/partition.h"
#include "hyperv/partition/test_host.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/vp_register.h"

namespace hvkit::hyperv {
namespace {

using tlfs::HvStatus;
using tlfs::MsrIndex;
using tlfs::VpRegister;
using tlfs::VpRegisterValue;

constexpr VpIndex kVp0{0};
constexpr VpIndex kVp1{1};
constexpr uint32_t kRax = 0x00020000;
constexpr uint64_t kGuestOsId = 0x8100'0000'0000'0001;

// The second of two VPs calls.
class VpRegistersTest : public ::testing::Test {
 protected:
  explicit VpRegistersTest(const EnlightenmentSet& set = AllEnforced())
      : partition_({.in_force = set, .vp_count = 2}, host_.Host()),
        registers_(partition_.privileges(), BuildCpuid(set, {.max_vps = 77}), msrs_) {}

  HvStatus Get(VpRegister name, VpRegisterValue& value) {
    return registers_.Get(kVp1, kVp1, static_cast<uint32_t>(name), value);
  }
  HvStatus GetStatus(VpRegister name) {
    VpRegisterValue value;
    return Get(name, value);
  }
  uint64_t GetLow(VpRegister name) {
    VpRegisterValue value;
    EXPECT_EQ(Get(name, value), HvStatus::kSuccess);
    EXPECT_EQ(value.high, 0u);
    return value.low;
  }
  HvStatus Set(VpRegister name, uint64_t low, uint64_t high = 0) {
    return registers_.Set(kVp1, kVp1, static_cast<uint32_t>(name), {low, high});
  }
  MsrRead ReadMsr(MsrIndex index) {
    return partition_.FindVp(kVp1)->ReadMsr(static_cast<uint32_t>(index));
  }

  TestHost host_;
  Partition partition_;
  PartitionMsrAccess msrs_{partition_};
  VpRegisters registers_;
};

struct NameCase {
  VpRegister name;
  MsrIndex index;
  uint64_t value;  // Enables nothing
};
constexpr NameCase kWritable[] = {
    {VpRegister::kGuestOsId, MsrIndex::kGuestOsId, kGuestOsId},
    {VpRegister::kHypercall, MsrIndex::kHypercall, 0x11000},
    {VpRegister::kGuestCrashP0, MsrIndex::kCrashP0, 0x22},
    {VpRegister::kReferenceTsc, MsrIndex::kReferenceTsc, 0x33000},
    {VpRegister::kIcr, MsrIndex::kIcr, 0x44},
    {VpRegister::kTpr, MsrIndex::kTpr, 0x50},
    {VpRegister::kVpAssistPage, MsrIndex::kVpAssistPage, 0x66000},
    {VpRegister::kSint0, MsrIndex::kSint0, 0x10077},
    {VpRegister::kScontrol, MsrIndex::kScontrol, 0x88},
    {VpRegister::kSiefp, MsrIndex::kSiefp, 0x99000},
    {VpRegister::kSimp, MsrIndex::kSimp, 0xAA000},
    {VpRegister::kStimer0Config, MsrIndex::kStimer0Config, 0xB0000},
};

TEST_F(VpRegistersTest, NamesReachTheirMsrs) {
  for (const NameCase& row : kWritable) {
    SCOPED_TRACE(static_cast<uint32_t>(row.name));
    EXPECT_EQ(Set(row.name, row.value), HvStatus::kSuccess);
    EXPECT_EQ(ReadMsr(row.index), MsrRead::Handled(row.value));
    EXPECT_EQ(GetLow(row.name), row.value);
  }
}

TEST_F(VpRegistersTest, ReadOnlyRegistersReadAsTheirMsrs) {
  EXPECT_EQ(GetLow(VpRegister::kVpIndex), 1u);
  EXPECT_EQ(GetLow(VpRegister::kVpRuntime), 1001u);
  EXPECT_EQ(GetLow(VpRegister::kSversion), tlfs::kSynicVersion);
  EXPECT_EQ(GetLow(VpRegister::kTimeRefCount), ReadMsr(MsrIndex::kTimeRefCount).value);
  EXPECT_EQ(GetLow(VpRegister::kProcessorClockFrequency), ReadMsr(MsrIndex::kTscFrequency).value);
  EXPECT_EQ(GetLow(VpRegister::kInterruptClockFrequency), ReadMsr(MsrIndex::kApicFrequency).value);
  EXPECT_EQ(GetLow(VpRegister::kGuestCrashCtl), ReadMsr(MsrIndex::kCrashCtl).value);
}

TEST_F(VpRegistersTest, LastOfARangeIsReached) {
  const auto sint15 = static_cast<VpRegister>(static_cast<uint32_t>(VpRegister::kSint0) + 15);
  const auto count3 =
      static_cast<VpRegister>(static_cast<uint32_t>(VpRegister::kStimer0Config) + 7);
  EXPECT_EQ(Set(sint15, 0x100F1), HvStatus::kSuccess);
  EXPECT_EQ(ReadMsr(MsrIndex::kSint15), MsrRead::Handled(0x100F1));
  EXPECT_EQ(Set(count3, 12345), HvStatus::kSuccess);
  EXPECT_EQ(ReadMsr(MsrIndex::kStimer3Count), MsrRead::Handled(12345));
  const auto beyond = static_cast<VpRegister>(static_cast<uint32_t>(count3) + 1);
  EXPECT_EQ(GetStatus(beyond), HvStatus::kInvalidParameter);
}

TEST_F(VpRegistersTest, CrashControlReportsTheCrash) {
  constexpr uint64_t kNotify = uint64_t{1} << 63;
  EXPECT_EQ(Set(VpRegister::kGuestCrashP0, 0xAB), HvStatus::kSuccess);
  EXPECT_EQ(Set(VpRegister::kGuestCrashCtl, kNotify), HvStatus::kSuccess);
  ASSERT_EQ(host_.events.crashes.size(), 1u);
  EXPECT_EQ(host_.events.crashes[0].parameters[0], 0xABu);
}

TEST_F(VpRegistersTest, WriteOnlyRegistersCannotBeRead) {
  EXPECT_EQ(GetStatus(VpRegister::kEoi), HvStatus::kInvalidParameter);
  EXPECT_EQ(Set(VpRegister::kEoi, 0), HvStatus::kSuccess);
  EXPECT_EQ(host_.apic.eois, 1);
}

TEST_F(VpRegistersTest, ReadOnlyRegistersCannotBeWritten) {
  for (VpRegister name : {VpRegister::kVpIndex, VpRegister::kTimeRefCount, VpRegister::kSversion,
                          VpRegister::kPrivilegesAndFeaturesInfo}) {
    EXPECT_EQ(Set(name, 0), HvStatus::kInvalidParameter) << static_cast<uint32_t>(name);
  }
}

TEST_F(VpRegistersTest, ValueThatTheMsrRefusesIsRefusedAndChangesNothing) {
  EXPECT_EQ(Set(VpRegister::kStimer0Config, uint64_t{1} << 63), HvStatus::kInvalidRegisterValue);
  EXPECT_EQ(GetLow(VpRegister::kStimer0Config), 0u);
}

TEST_F(VpRegistersTest, UpperHalfOfAValueMustBeZero) {
  EXPECT_EQ(Set(VpRegister::kGuestOsId, kGuestOsId, 1), HvStatus::kInvalidRegisterValue);
  EXPECT_EQ(GetLow(VpRegister::kGuestOsId), 0u);
}

TEST_F(VpRegistersTest, RegistersOfTheArchitectureAreNotForAGuest) {
  VpRegisterValue value;
  EXPECT_EQ(registers_.Get(kVp1, kVp1, kRax, value), HvStatus::kInvalidParameter);
  EXPECT_EQ(registers_.Set(kVp1, kVp1, kRax, value), HvStatus::kInvalidParameter);
}

TEST_F(VpRegistersTest, AnotherVpsRegistersCannotBeHad) {
  const auto name = static_cast<uint32_t>(VpRegister::kGuestOsId);
  VpRegisterValue value{.low = kGuestOsId};
  EXPECT_EQ(registers_.Set(kVp1, kVp0, name, value), HvStatus::kInvalidVpState);
  EXPECT_EQ(registers_.Get(kVp1, kVp0, name, value), HvStatus::kInvalidVpState);
  EXPECT_EQ(GetLow(VpRegister::kGuestOsId), 0u);
}

TEST_F(VpRegistersTest, InformationIsThatOfTheGuestsCpuid) {
  for (const CpuidEntry& leaf : BuildCpuid(AllEnforced(), {.max_vps = 77})) {
    if (leaf.leaf != static_cast<uint32_t>(tlfs::CpuidLeaf::kFeatures)) continue;
    VpRegisterValue value;
    ASSERT_EQ(Get(VpRegister::kPrivilegesAndFeaturesInfo, value), HvStatus::kSuccess);
    EXPECT_EQ(value.low, uint64_t{leaf.ebx} << 32 | leaf.eax);
    EXPECT_EQ(value.high, uint64_t{leaf.edx} << 32 | leaf.ecx);
  }
  VpRegisterValue limits;
  ASSERT_EQ(Get(VpRegister::kImplementationLimitsInfo, limits), HvStatus::kSuccess);
  EXPECT_EQ(limits.low & 0xFFFFFFFF, 77u);
}

EnlightenmentSet OnlyVpRegisters() {
  EnlightenmentSet set;
  for (Enlightenment e :
       {Enlightenment::kVpIndex, Enlightenment::kVpRegisters, Enlightenment::kEnforceCpuid}) {
    set.Add(e);
  }
  return set;
}

class FewPrivilegesTest : public VpRegistersTest {
 protected:
  FewPrivilegesTest() : VpRegistersTest(OnlyVpRegisters()) {}
};

TEST_F(FewPrivilegesTest, RegisterNeedsThePrivilegeOfItsMsr) {
  EXPECT_EQ(GetLow(VpRegister::kVpIndex), 1u);
  EXPECT_EQ(GetStatus(VpRegister::kSint0), HvStatus::kAccessDenied);
  EXPECT_EQ(Set(VpRegister::kSint0, 0x10000), HvStatus::kAccessDenied);
  EXPECT_EQ(GetStatus(VpRegister::kTimeRefCount), HvStatus::kAccessDenied);
}

}  // namespace
}  // namespace hvkit::hyperv
