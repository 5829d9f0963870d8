// Every row of testing/tables/msr_cases.h against the model: with the privilege, without it, after
// a reset, and against the model's own table.
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/msr/msr_lookup.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/msr/msr_table.h"
#include "hyperv/partition/partition.h"
#include "hyperv/partition/test_host.h"
#include "hyperv/partition/virtual_processor.h"
#include "testing/tables/msr_cases.h"
#include "testing/tables/msr_probe.h"

namespace hvkit::testing {

// For gtest's messages.
void PrintTo(const MsrCase& row, std::ostream* os) { *os << row.name; }

}  // namespace hvkit::testing

namespace hvkit::hyperv {
namespace {

using testing::kMsrCases;
using testing::MsrAnswer;
using testing::MsrCase;
using testing::MsrProbe;
using testing::MsrProbeKind;

constexpr VpIndex kVp0{0};

MsrOutcome OutcomeOf(MsrAnswer answer) {
  if (answer == MsrAnswer::kFaults) return MsrOutcome::kGeneralProtection;
  if (answer == MsrAnswer::kNotOurs) return MsrOutcome::kNotOurs;
  return MsrOutcome::kHandled;
}

bool IsOurs(const MsrCase& row) { return row.probes[0].answer != MsrAnswer::kNotOurs; }

// What a guest without any privilege gets.
MsrOutcome RefusalOf(const MsrCase& row) {
  return IsOurs(row) ? MsrOutcome::kGeneralProtection : MsrOutcome::kNotOurs;
}

std::vector<MsrProbe> ProbesOf(const MsrCase& row) {
  std::vector<MsrProbe> probes;
  for (const MsrProbe& probe : row.probes) {
    if (probe.kind != MsrProbeKind::kNone) probes.push_back(probe);
  }
  return probes;
}

MsrOutcome Do(VirtualProcessor& vp, uint32_t index, const MsrProbe& probe) {
  if (probe.kind == MsrProbeKind::kRead) return vp.ReadMsr(index).outcome;
  return vp.WriteMsr(index, probe.written);
}

// All that turns on the privilege is missing, and nothing else; where nothing can be missing, the
// guest has no privilege at all.
EnlightenmentSet Without(const tlfs::CpuidBit& gate) {
  const EnlightenmentMask gives = TurnedOnBy(gate);
  if (gives.empty()) return {Enlightenment::kEnforceCpuid};
  EnlightenmentSet set = AllEnforced();
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (gives.Has(info.id)) set.Remove(info.id);
  }
  return set;
}

class MsrCaseTest : public ::testing::TestWithParam<MsrCase> {
 protected:
  Partition Make(const EnlightenmentSet& in_force) {
    return Partition({.in_force = in_force, .tsc_frequency_hz = 2'000'000'000}, host_.Host());
  }

  TestHost host_;
};

TEST_P(MsrCaseTest, EveryInstanceAnswersEachProbeAsTheTableSays) {
  Partition partition = Make(AllEnforced());
  VirtualProcessor& vp = *partition.FindVp(kVp0);
  for (unsigned i = 0; i < GetParam().instances; ++i) {
    const uint32_t index = GetParam().IndexOf(i);
    for (const MsrProbe& probe : ProbesOf(GetParam())) {
      SCOPED_TRACE(probe.written);
      EXPECT_EQ(Do(vp, index, probe), OutcomeOf(probe.answer));
      if (probe.answer == MsrAnswer::kReads) {
        EXPECT_EQ(vp.ReadMsr(index), MsrRead::Handled(probe.reads));
      }
    }
  }
}

TEST_P(MsrCaseTest, AFaultingWriteChangesNothing) {
  Partition partition = Make(AllEnforced());
  VirtualProcessor& vp = *partition.FindVp(kVp0);
  const MsrRead before = vp.ReadMsr(GetParam().IndexOf(0));
  for (const MsrProbe& probe : ProbesOf(GetParam())) {
    if (probe.answer == MsrAnswer::kFaults) (void)Do(vp, GetParam().IndexOf(0), probe);
  }
  EXPECT_EQ(vp.ReadMsr(GetParam().IndexOf(0)), before);
}

TEST_P(MsrCaseTest, EveryAccessFaultsWithoutThePrivilege) {
  Partition partition = Make(Without(*GetParam().gate));
  VirtualProcessor& vp = *partition.FindVp(kVp0);
  for (unsigned i = 0; i < GetParam().instances; ++i) {
    EXPECT_EQ(vp.ReadMsr(GetParam().IndexOf(i)).outcome, RefusalOf(GetParam()));
    for (const MsrProbe& probe : ProbesOf(GetParam())) {
      EXPECT_EQ(Do(vp, GetParam().IndexOf(i), probe), RefusalOf(GetParam()));
    }
  }
}

TEST_P(MsrCaseTest, WithoutEnforcementTheFirstProbeNeedsNoPrivilege) {
  Partition partition = Make(EnlightenmentSet{Enlightenment::kRelaxed});
  const MsrProbe& probe = GetParam().probes[0];
  EXPECT_EQ(Do(*partition.FindVp(kVp0), GetParam().IndexOf(0), probe), OutcomeOf(probe.answer));
}

TEST_P(MsrCaseTest, ReadsAsBeforeAfterAResetOfThePartition) {
  Partition partition = Make(AllEnforced());
  VirtualProcessor& vp = *partition.FindVp(kVp0);
  host_.apic.icr = host_.apic.tpr = 0;  // The host's to reset
  const MsrRead before = vp.ReadMsr(GetParam().IndexOf(0));
  for (const MsrProbe& probe : ProbesOf(GetParam())) (void)Do(vp, GetParam().IndexOf(0), probe);
  partition.Reset();
  host_.apic.icr = host_.apic.tpr = 0;
  EXPECT_EQ(vp.ReadMsr(GetParam().IndexOf(0)), before);
}

TEST_P(MsrCaseTest, AgreesWithTheModelsTable) {
  ASSERT_TRUE(FindMsr(GetParam().IndexOf(0)).has_value());
  const MsrRow& row = RowOf(*FindMsr(GetParam().IndexOf(0)));
  EXPECT_EQ(std::string("HV_X64_MSR_") + GetParam().name, row.name);
  EXPECT_EQ(GetParam().first, row.first);
  EXPECT_EQ(GetParam().instances, row.instances);
  EXPECT_EQ(GetParam().gate, row.gate);
  EXPECT_EQ(IsOurs(GetParam()), row.owner != MsrOwner::kNobody);
}

// The table is complete: a read first, a write, and reserved bits where the register has any.
TEST_P(MsrCaseTest, HasAProbeOfEachKind) {
  const MsrRow& row = RowOf(*FindMsr(GetParam().IndexOf(0)));
  const MsrReservedBits& reserved = row.reserved;
  const bool has_reserved = (reserved.preserved | reserved.faulting | reserved.ignored) != 0;
  int kinds[4] = {};
  for (const MsrProbe& probe : ProbesOf(GetParam())) ++kinds[static_cast<size_t>(probe.kind)];
  EXPECT_EQ(GetParam().probes[0].kind, MsrProbeKind::kRead);
  EXPECT_GT(kinds[static_cast<size_t>(MsrProbeKind::kWrite)], 0);
  EXPECT_EQ(kinds[static_cast<size_t>(MsrProbeKind::kReserved)] > 0, has_reserved);
}

INSTANTIATE_TEST_SUITE_P(Table, MsrCaseTest, ::testing::ValuesIn(kMsrCases),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(MsrCasesTest, HaveEachRowOfTheModelsTableOnce) {
  EXPECT_EQ(std::size(kMsrCases), kMsrIdCount);
  std::vector<bool> seen(kMsrIdCount);
  for (const MsrCase& row : kMsrCases) {
    EXPECT_FALSE(seen[Index(*FindMsr(row.IndexOf(0)))]) << row.name;
    seen[Index(*FindMsr(row.IndexOf(0)))] = true;
  }
}

TEST(MsrCasesTest, IndicesWithoutARowAreNotOurs) {
  TestHost host;
  Partition partition({.in_force = AllEnforced()}, host.Host());
  VirtualProcessor& vp = *partition.FindVp(kVp0);
  for (uint32_t index = 0x3FFFFF00; index < 0x40000400; ++index) {
    if (FindMsr(index).has_value()) continue;
    EXPECT_EQ(vp.ReadMsr(index), MsrRead::NotOurs());
    EXPECT_EQ(vp.WriteMsr(index, 0), MsrOutcome::kNotOurs);
  }
}

}  // namespace
}  // namespace hvkit::hyperv
