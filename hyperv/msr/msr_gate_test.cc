#include "hyperv/msr/msr_gate.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/msr/msr_row.h"
#include "hyperv/msr/msr_table.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/msr.h"

namespace hvkit::hyperv {
namespace {

namespace bits = tlfs::bits;
using enum MsrOutcome;

// The words of a leaf with this one bit.
CpuidWords Only(const tlfs::CpuidBit& bit) {
  switch (bit.reg) {
    case tlfs::CpuidRegister::kEax:
      return {.eax = bit.mask()};
    case tlfs::CpuidRegister::kEbx:
      return {.ebx = bit.mask()};
    case tlfs::CpuidRegister::kEcx:
      return {.ecx = bit.mask()};
    case tlfs::CpuidRegister::kEdx:
      break;
  }
  return {.edx = bit.mask()};
}

// All bits of the feature leaf but this one.
Privileges Without(const tlfs::CpuidBit& bit) {
  const CpuidWords only = Only(bit);
  return Privileges({~only.eax, ~only.ebx, ~only.ecx, ~only.edx}, {});
}

constexpr uint64_t Lowest(uint64_t bits) { return bits & -bits; }

class MsrGateTest : public ::testing::TestWithParam<MsrRow> {
 protected:
  const MsrRow& row() const { return GetParam(); }
  uint32_t last() const { return row().IndexOf(row().instances - 1u); }
  MsrOutcome IfOffered(MsrOutcome outcome) const {
    return row().owner == MsrOwner::kNobody ? kNotOurs : outcome;
  }
  MsrOutcome ReadOutcome() const {
    return IfOffered(row().access == MsrAccess::kWrite ? kGeneralProtection : kHandled);
  }
  MsrOutcome WriteOutcome() const {
    return IfOffered(row().access == MsrAccess::kRead ? kGeneralProtection : kHandled);
  }

  const MsrGate open_{Privileges::Unrestricted()};
};

TEST_P(MsrGateTest, ReadIsAdmittedAsTheAccessSays) {
  const MsrAdmission admission = open_.AdmitRead(last());
  EXPECT_EQ(admission.outcome, ReadOutcome());
  if (admission.outcome == kHandled) {
    EXPECT_EQ(admission.id, row().id);
    EXPECT_EQ(admission.instance, row().instances - 1);
  }
}

TEST_P(MsrGateTest, WriteOfZeroIsAdmittedAsTheAccessSays) {
  const MsrAdmission admission = open_.AdmitWrite(last(), 0);
  EXPECT_EQ(admission.outcome, WriteOutcome());
  if (admission.outcome == kHandled) {
    EXPECT_EQ(admission.id, row().id);
    EXPECT_EQ(admission.instance, row().instances - 1);
  }
}

TEST_P(MsrGateTest, ItsGateAloneIsEnough) {
  const MsrGate gate(Privileges(Only(*row().gate), {}));
  EXPECT_EQ(gate.AdmitRead(last()).outcome, ReadOutcome());
  EXPECT_EQ(gate.AdmitWrite(last(), 0).outcome, WriteOutcome());
}

TEST_P(MsrGateTest, EverythingFaultsWithoutItsGate) {
  const MsrGate gate(Without(*row().gate));
  EXPECT_EQ(gate.AdmitRead(last()).outcome, IfOffered(kGeneralProtection));
  EXPECT_EQ(gate.AdmitWrite(last(), 0).outcome, IfOffered(kGeneralProtection));
}

TEST_P(MsrGateTest, ReservedBitsFaultAreDroppedOrGoThrough) {
  const uint64_t legal = ~row().reserved.faulting;
  const MsrAdmission admission = open_.AdmitWrite(last(), legal);
  EXPECT_EQ(admission.outcome, WriteOutcome());
  if (admission.outcome == kHandled) {
    EXPECT_EQ(admission.value, legal & ~row().reserved.ignored);
  }
  if (row().reserved.faulting != 0) {
    const uint64_t one = Lowest(row().reserved.faulting);
    EXPECT_EQ(open_.AdmitWrite(last(), one).outcome, kGeneralProtection);
  }
}

TEST_P(MsrGateTest, NothingIsAllowedWithoutPrivileges) {
  const MsrGate gate{Privileges()};
  EXPECT_EQ(gate.AdmitRead(last()).outcome, IfOffered(kGeneralProtection));
  EXPECT_EQ(gate.AdmitWrite(last(), 0).outcome, IfOffered(kGeneralProtection));
}

INSTANTIATE_TEST_SUITE_P(Rows, MsrGateTest, ::testing::ValuesIn(MsrTable()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(MsrGateSingleTest, UnknownMsrIsNotOurs) {
  const MsrGate gate(Privileges::Unrestricted());
  for (const uint32_t index : {0x10u, 0x40000004u, 0x400000C1u, 0x40000119u, 0x40001000u}) {
    EXPECT_EQ(gate.AdmitRead(index).outcome, kNotOurs) << std::hex << index;
    EXPECT_EQ(gate.AdmitWrite(index, 0).outcome, kNotOurs) << std::hex << index;
  }
}

TEST(MsrGateSingleTest, DirectModeFaultsWithoutItsFeature) {
  const uint64_t direct = tlfs::StimerConfig::DirectMode::kMask;
  const MsrGate with(Privileges::Unrestricted());
  const MsrGate without(Without(bits::kDirectStimer));
  EXPECT_EQ(with.AdmitWrite(0x400000B0, direct).outcome, kHandled);
  EXPECT_EQ(without.AdmitWrite(0x400000B0, direct).outcome, kGeneralProtection);
  EXPECT_EQ(without.AdmitWrite(0x400000B0, 1).outcome, kHandled);
}

TEST(MsrGateSingleTest, PollingIsPreservedWithoutMeaningWithoutItsFeature) {
  const uint64_t polling = tlfs::Sint::Polling::kMask;
  const MsrGate with(Privileges::Unrestricted());
  const MsrGate without(Without(bits::kSintPolling));
  EXPECT_EQ(without.AdmitWrite(0x40000090, polling).value, polling);
  EXPECT_EQ(with.ReservedBits(MsrId::kSint).preserved & polling, 0u);
  EXPECT_EQ(without.ReservedBits(MsrId::kSint).preserved & polling, polling);
}

TEST(MsrGateSingleTest, LockIsPreservedWithoutMeaningWithoutItsFeature) {
  const uint64_t locked = tlfs::HypercallMsr::Locked::kMask;
  const MsrGate with(Privileges::Unrestricted());
  const MsrGate without(Without(bits::kHypercallMsrLock));
  EXPECT_EQ(with.ReservedBits(MsrId::kHypercall).preserved & locked, 0u);
  EXPECT_EQ(without.ReservedBits(MsrId::kHypercall).preserved & locked, locked);
}

TEST(MsrGateSingleTest, TprFaultsOnTheUpperHalfAndDropsTheRest) {
  const MsrGate gate(Privileges::Unrestricted());
  EXPECT_EQ(gate.AdmitWrite(0x40000072, uint64_t{1} << 32).outcome, kGeneralProtection);
  EXPECT_EQ(gate.AdmitWrite(0x40000072, 0x1234).value, 0x34u);
}

TEST(PrivilegesTest, BitsOfOtherLeavesAreNotHeld) {
  const Privileges all = Privileges::Unrestricted();
  EXPECT_TRUE(all.Has(bits::kAccessSynic));
  EXPECT_TRUE(all.Has(bits::kUseClusterIpi));
  EXPECT_FALSE(all.Has(bits::kNestedDirectFlush));
}

TEST(PrivilegesTest, RegistersAreKeptApart) {
  const Privileges privileges({.edx = bits::kDirectStimer.mask()}, {});
  EXPECT_TRUE(privileges.Has(bits::kDirectStimer));
  EXPECT_FALSE(privileges.Has(bits::kFastHypercallOutput));  // The same bit of EBX
}

}  // namespace
}  // namespace hvkit::hyperv
