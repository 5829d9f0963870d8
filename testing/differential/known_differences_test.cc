#include "testing/differential/known_differences.h"

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/status.h"
#include "testing/differential/generator.h"
#include "testing/differential/program.h"

namespace hvkit::testing {
namespace {

namespace tlfs = hyperv::tlfs;
using ::testing::Contains;
using ::testing::StartsWith;
using tlfs::CallCode;
using tlfs::HvStatus;
using tlfs::MsrIndex;

constexpr auto kSint2 = static_cast<MsrIndex>(static_cast<uint32_t>(MsrIndex::kSint0) + 2);

Step Write(MsrIndex index, uint64_t value) {
  Step step;
  step.kind = StepKind::kWriteMsr;
  step.index = static_cast<uint32_t>(index);
  step.value = value;
  return step;
}
Step Call(CallCode code) {
  Step step;
  step.kind = StepKind::kHypercall;
  step.value = static_cast<uint64_t>(code);
  return step;
}
Record Said(HvStatus status) { return {.done = 1, .value = static_cast<uint64_t>(status)}; }
Record Saw(uint64_t value) { return {.done = 1, .value = value}; }

// The subject of the row for the last step.
std::string RowOf(const Program& program, const Record& kernel, const Record& user) {
  const std::optional<KnownRow> row = KnownDifference({program, program.size() - 1, kernel, user});
  return row.has_value() ? row->subject : "none";
}

// The first cells of a table's rows.
std::vector<std::string> SubjectsOf(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> subjects;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| ")) subjects.push_back(line.substr(2, line.find(" | ") - 2));
  }
  return subjects;
}

TEST(KnownDifferencesTest, EveryExcuseIsARowOfDivergences) {
  const std::vector<std::string> rows = SubjectsOf("docs/divergences.md");
  for (const std::string& subject : KnownSubjects()) EXPECT_THAT(rows, Contains(subject));
}

TEST(KnownDifferencesTest, AlignedInputIsNoExcuseForAlignment) {
  Step flush = Call(CallCode::kFlushVirtualAddressSpace);
  flush.index = 8;
  EXPECT_EQ(RowOf({flush}, Said(HvStatus::kSuccess), Said(HvStatus::kInvalidAlignment)), "none");
  flush.index = 9;
  EXPECT_THAT(RowOf({flush}, Said(HvStatus::kSuccess), Said(HvStatus::kInvalidAlignment)),
              StartsWith("Input block of a flush"));
}

TEST(KnownDifferencesTest, InputThatEndsWithItsPageIsNoExcuse) {
  Step ipi = Call(CallCode::kSendSyntheticClusterIpi);
  ipi.index = kPageBytes - 16;
  EXPECT_EQ(RowOf({ipi}, Said(HvStatus::kSuccess), Said(HvStatus::kInvalidAlignment)), "none");
  ipi.index = kPageBytes - 8;
  EXPECT_THAT(RowOf({ipi}, Said(HvStatus::kSuccess), Said(HvStatus::kInvalidAlignment)),
              StartsWith("Input block of a flush or an IPI"));
}

TEST(KnownDifferencesTest, FlagsOfAFlushThatAreDefinedAreNoExcuse) {
  Step flush = Call(CallCode::kFlushVirtualAddressSpace);
  flush.words[1] = 0x7;
  EXPECT_EQ(RowOf({flush}, Said(HvStatus::kSuccess), Said(HvStatus::kInvalidParameter)), "none");
  flush.words[1] = 0x8;
  EXPECT_EQ(RowOf({flush}, Said(HvStatus::kSuccess), Said(HvStatus::kInvalidParameter)),
            "Reserved flags of a flush, unknown set formats");
}

TEST(KnownDifferencesTest, ListsHaveOneFlagLess) {
  Step flush = Call(CallCode::kFlushVirtualAddressList);
  flush.words[1] = 0x4;
  EXPECT_EQ(RowOf({flush}, Said(HvStatus::kSuccess), Said(HvStatus::kInvalidParameter)),
            "Reserved flags of a flush, unknown set formats");
}

TEST(KnownDifferencesTest, EventToASynicThatIsReadyIsNoExcuse) {
  Step connect;
  connect.kind = StepKind::kTestdev;
  connect.value = 6;
  connect.index = 0x10;
  Step signal = Call(CallCode::kSignalEvent);
  signal.words[0] = 0x10;
  const Record kernel = Said(HvStatus::kSuccess);
  const Record user = Said(HvStatus::kInvalidSynicState);
  const Step page = Write(MsrIndex::kSiefp, kPagesAt | 1);
  const Step unmask = Write(MsrIndex::kSint0, 0x40);
  EXPECT_EQ(RowOf({page, unmask, connect, signal}, kernel, user), "none");
  EXPECT_THAT(RowOf({page, connect, signal}, kernel, user), StartsWith("Event signalled while"));
  EXPECT_THAT(RowOf({unmask, connect, signal}, kernel, user), StartsWith("Event signalled while"));
}

TEST(KnownDifferencesTest, OnlyEnableOfATimerToAMaskedSintIsKnown) {
  const Program program = {Write(MsrIndex::kSimp, kPagesAt | 1),
                           Write(MsrIndex::kStimer0Config, 0x20008)};
  const std::string row = "A timer's message to a masked SINT";
  EXPECT_EQ(RowOf(program, Saw(0x20009), Saw(0x20008)), row);
  EXPECT_EQ(RowOf(program, Saw(0x20009), Saw(0x2000a)), "none");
}

TEST(KnownDifferencesTest, TimerToAnUnmaskedSintIsNoExcuse) {
  const Program program = {Write(MsrIndex::kSimp, kPagesAt | 1), Write(kSint2, 0x40),
                           Write(MsrIndex::kStimer0Config, 0x20008)};
  EXPECT_EQ(RowOf(program, Saw(0x20009), Saw(0x20008)), "none");
}

TEST(KnownDifferencesTest, OtherSlotThanTheMaskedOneIsNoExcuse) {
  Step free_slot;
  free_slot.kind = StepKind::kFreeSlot;
  free_slot.sint = 3;
  Program program = {Write(MsrIndex::kSimp, kPagesAt | 1), Write(MsrIndex::kStimer0Config, 0x20008),
                     free_slot};
  EXPECT_EQ(RowOf(program, Saw(1), Saw(0)), "none");
  program.back().sint = 2;
  EXPECT_EQ(RowOf(program, Saw(1), Saw(0)), "A timer's message to a masked SINT");
}

TEST(KnownDifferencesTest, InterruptOfAnotherSintThanTheMaskedOneIsNoExcuse) {
  Step settle;
  settle.kind = StepKind::kSettle;
  settle.value = 15;
  const Program program = {Write(MsrIndex::kSimp, kPagesAt | 1), Write(kSint2, 0x10042),
                           Write(MsrIndex::kSint0, 0x40), Write(MsrIndex::kStimer0Config, 0x20008),
                           settle};
  EXPECT_EQ(RowOf(program, Saw(0x100), Saw(0)), "A timer's message to a masked SINT");
  EXPECT_EQ(RowOf(program, Saw(0x101), Saw(0)), "none");
}

TEST(KnownDifferencesTest, TimerThatIsNotEnabledIsNoExcuse) {
  const Program program = {Write(MsrIndex::kSimp, kPagesAt | 1),
                           Write(MsrIndex::kStimer0Config, 0x20000)};
  EXPECT_EQ(RowOf(program, Saw(0x20001), Saw(0x20000)), "none");
}

TEST(KnownDifferencesTest, OtherBytesInTheSameSlotsAreNoExcuse) {
  Step digest;
  digest.kind = StepKind::kDigestPage;
  const Program program = {Write(MsrIndex::kSimp, kPagesAt | 1),
                           Write(MsrIndex::kStimer0Config, 0x20008), digest};
  const Record with = {.done = 1, .detail = 4, .value = 1};
  EXPECT_EQ(RowOf(program, with, {.done = 1, .detail = 0, .value = 2}),
            "A timer's message to a masked SINT");
  EXPECT_EQ(RowOf(program, with, {.done = 1, .detail = 4, .value = 2}), "none");
}

TEST(KnownDifferencesTest, BadVectorIsKnownOnlyOfAnEmptySet) {
  Step ipi = Call(CallCode::kSendSyntheticClusterIpiEx);
  ipi.words[0] = 0x9;
  const Record kernel = Said(HvStatus::kSuccess);
  const Record user = Said(HvStatus::kInvalidHypercallInput);
  EXPECT_EQ(RowOf({ipi}, kernel, user), "Vector of an IPI to an empty set");
  ipi.words[0] = 0x40;
  EXPECT_EQ(RowOf({ipi}, kernel, user), "none");
  ipi.words[0] = 0x9;
  ipi.value |= uint64_t{1} << 17;
  EXPECT_EQ(RowOf({ipi}, kernel, user), "none");
}

TEST(KnownDifferencesTest, VtlOfAnIpiIsRefusedOnlyInAFastCall) {
  Step ipi = Call(CallCode::kSendSyntheticClusterIpi);
  ipi.words[0] = 0x10'0000'0040;
  const Record kernel = Said(HvStatus::kInvalidHypercallInput);
  const Record user = Said(HvStatus::kSuccess);
  EXPECT_EQ(RowOf({ipi}, kernel, user), "none");
  ipi.value |= tlfs::HypercallControl::Fast::kMask;
  EXPECT_EQ(RowOf({ipi}, kernel, user), "VTL 0 named in a fast IPI's input");
  ipi.words[0] = 0x40;
  EXPECT_EQ(RowOf({ipi}, kernel, user), "none");
}

TEST(KnownDifferencesTest, CallUnknownToKvmIsMalformedOnlyWithReservedBits) {
  Step call = Call(CallCode::kSetVpRegisters);
  const Record user = Said(HvStatus::kAccessDenied);
  EXPECT_THAT(RowOf({call}, Said(HvStatus::kInvalidHypercallCode), user), StartsWith("Calls that"));
  EXPECT_EQ(RowOf({call}, Said(HvStatus::kInvalidHypercallInput), user), "none");
  call.value |= uint64_t{1} << 30;
  EXPECT_THAT(RowOf({call}, Said(HvStatus::kInvalidHypercallInput), user),
              StartsWith("Calls that"));
}

TEST(KnownDifferencesTest, HypercallWithAnIdIsNoExcuse) {
  const Step hypercall = Write(MsrIndex::kHypercall, kHypercallPageToken | 1);
  EXPECT_EQ(RowOf({hypercall}, Saw(0), Saw(2)), "HYPERCALL written without a guest OS id");
  EXPECT_EQ(RowOf({Write(MsrIndex::kGuestOsId, 1), hypercall}, Saw(0), Saw(2)), "none");
}

TEST(KnownDifferencesTest, OnlyMessagesTakenIsKnownOfCrashControl) {
  const Program program = {Write(MsrIndex::kCrashCtl, 0)};
  EXPECT_EQ(RowOf(program, Saw(uint64_t{1} << 63), Saw(uint64_t{3} << 62)), "CRASH_CTL reads");
  EXPECT_EQ(RowOf(program, Saw(uint64_t{1} << 63), Saw(uint64_t{1} << 62)), "none");
}

}  // namespace
}  // namespace hvkit::testing
