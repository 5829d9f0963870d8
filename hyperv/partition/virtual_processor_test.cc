// What a virtual processor has of its own, as its guest and its host see it: index, run time, idle,
// APIC registers, assist page, turns, and its reset.
#include "hyperv/partition/virtual_processor.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/partition/assist_page.h"
#include "hyperv/partition/partition.h"
#include "hyperv/partition/test_host.h"
#include "hyperv/synic/message_port.h"
#include "hyperv/synic/synic.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {
namespace {

using tlfs::MsrIndex;

constexpr VpIndex kVp1{1};
constexpr uint64_t kEnable = 1;
constexpr uint64_t kAssist = 0x5000;
constexpr uint64_t kSimp = 0x6000;
constexpr uint64_t kNoRam = 0x100'0000;
constexpr uint8_t kSintVector = 0x52;
constexpr uint64_t kDirectOneShot = 0x1ED8;  // Vector 0xED, auto-enable

// The second of two VPs.
class VirtualProcessorTest : public ::testing::Test {
 protected:
  MsrOutcome Write(MsrIndex index, uint64_t value) {
    return vp_.WriteMsr(static_cast<uint32_t>(index), value);
  }
  MsrRead Read(MsrIndex index) { return vp_.ReadMsr(static_cast<uint32_t>(index)); }
  uint32_t Word(uint64_t address) {
    uint32_t word = 0;
    EXPECT_EQ(host_.memory.Read(Gpa(address), std::as_writable_bytes(std::span(&word, 1))),
              MemFault::kNone);
    return word;
  }
  void PutWord(uint64_t address, uint32_t word) {
    ASSERT_EQ(host_.memory.Write(Gpa(address), std::as_bytes(std::span(&word, 1))),
              MemFault::kNone);
  }
  void EnableAssistPage() {
    ASSERT_EQ(Write(MsrIndex::kVpAssistPage, kAssist | kEnable), MsrOutcome::kHandled);
  }

  TestHost host_;
  Partition partition_{{.in_force = AllEnforced(), .vp_count = 2}, host_.Host()};
  VirtualProcessor& vp_ = *partition_.FindVp(kVp1);
};

TEST_F(VirtualProcessorTest, KnowsItsIndex) {
  EXPECT_EQ(vp_.index(), kVp1);
  EXPECT_EQ(Read(MsrIndex::kVpIndex), MsrRead::Handled(1));
}

TEST_F(VirtualProcessorTest, RunTimeIsTheHostsForThisVp) {
  EXPECT_EQ(Read(MsrIndex::kVpRuntime), MsrRead::Handled(1001));
}

TEST_F(VirtualProcessorTest, ReadingGuestIdlePutsTheVpToSleep) {
  EXPECT_EQ(Read(MsrIndex::kGuestIdle), MsrRead::Handled(0));
  EXPECT_EQ(host_.idle.idle, std::vector{kVp1});
}

TEST_F(VirtualProcessorTest, ApicRegistersAreTheHosts) {
  EXPECT_EQ(Write(MsrIndex::kEoi, 0), MsrOutcome::kHandled);
  EXPECT_EQ(Write(MsrIndex::kIcr, 0x0000'0002'0000'00FD), MsrOutcome::kHandled);
  EXPECT_EQ(Write(MsrIndex::kTpr, 0x30), MsrOutcome::kHandled);
  EXPECT_EQ(host_.apic.eois, 1);
  EXPECT_EQ(host_.apic.icr, 0x0000'0002'0000'00FDu);
  EXPECT_EQ(host_.apic.tpr, 0x30);
}

TEST_F(VirtualProcessorTest, EnablingTheAssistPageClearsItsWordAndTellsTheHost) {
  EnableAssistPage();
  PutWord(kAssist, 1);
  EnableAssistPage();
  EXPECT_EQ(Word(kAssist), 0u);
  EXPECT_EQ(host_.eoi_assist.page, Gpa(kAssist).Page());
}

TEST_F(VirtualProcessorTest, DisablingTheAssistPageTellsTheHost) {
  EnableAssistPage();
  ASSERT_EQ(Write(MsrIndex::kVpAssistPage, 0), MsrOutcome::kHandled);
  EXPECT_EQ(host_.eoi_assist.page, std::nullopt);
}

TEST_F(VirtualProcessorTest, AnAssistPageThatTheGuestCannotSeeIsNotForTheHost) {
  EnableAssistPage();
  ASSERT_EQ(Write(MsrIndex::kVpAssistPage, kNoRam | kEnable), MsrOutcome::kHandled);
  EXPECT_EQ(host_.eoi_assist.page, std::nullopt);
  EXPECT_EQ(Read(MsrIndex::kVpAssistPage), MsrRead::Handled(kNoRam | kEnable));
}

TEST_F(VirtualProcessorTest, AnAssistPageThatIsHiddenLaterIsTheHostsAgainOnceItIsUncovered) {
  EnableAssistPage();
  ASSERT_EQ(Write(MsrIndex::kReferenceTsc, kAssist | kEnable), MsrOutcome::kHandled);
  EXPECT_TRUE(host_.scheduler.TakePoll(kVp1, RefTime(0)));
  vp_.Poll(RefTime(0));
  EXPECT_EQ(host_.eoi_assist.page, std::nullopt);
  ASSERT_EQ(Write(MsrIndex::kReferenceTsc, 0), MsrOutcome::kHandled);
  EXPECT_TRUE(host_.scheduler.TakePoll(kVp1, RefTime(0)));
  vp_.Poll(RefTime(0));
  EXPECT_EQ(host_.eoi_assist.page, Gpa(kAssist).Page());
}

TEST_F(VirtualProcessorTest, TheGuestTakesAnEoiThatIsNotRequired) {
  EnableAssistPage();
  ASSERT_TRUE(vp_.assist_page().SetNoEoiRequired());
  EXPECT_EQ(Word(kAssist), 1u);
  PutWord(kAssist, 0);
  EXPECT_TRUE(vp_.assist_page().ClearNoEoiRequired());
}

TEST_F(VirtualProcessorTest, AnEoiThatTheGuestDidNotTakeIsTakenBack) {
  EnableAssistPage();
  ASSERT_TRUE(vp_.assist_page().SetNoEoiRequired());
  EXPECT_FALSE(vp_.assist_page().ClearNoEoiRequired());
  EXPECT_EQ(Word(kAssist), 0u);
}

TEST_F(VirtualProcessorTest, WithoutAnAssistPageEveryEoiIsRequired) {
  EXPECT_FALSE(vp_.assist_page().SetNoEoiRequired());
  EXPECT_FALSE(vp_.assist_page().ClearNoEoiRequired());
}

TEST_F(VirtualProcessorTest, ADirectTimerFiresInTheTurnAtItsDeadline) {
  ASSERT_EQ(Write(MsrIndex::kStimer0Config, kDirectOneShot), MsrOutcome::kHandled);
  ASSERT_EQ(Write(MsrIndex::kStimer0Count, 500), MsrOutcome::kHandled);
  EXPECT_EQ(host_.scheduler.deadline(kVp1), RefTime(500));
  vp_.Poll(RefTime(499));
  EXPECT_EQ(host_.interrupts.pending(), 0u);
  vp_.Poll(RefTime(500));
  EXPECT_EQ(host_.interrupts.Take(),
            (std::vector<testing::InterruptRequest>{{kVp1, Vector(0xED), EoiMode::kNormal}}));
}

// The message finds the SynIC's page off, waits, and comes with the page.
TEST_F(VirtualProcessorTest, AMessageTimerReachesTheSlotThroughTheSynic) {
  constexpr uint64_t kSint2OneShot = 0x20008;
  host_.clock.Set(RefTime(100));
  ASSERT_EQ(Write(MsrIndex::kStimer0Config, kSint2OneShot), MsrOutcome::kHandled);
  ASSERT_EQ(Write(MsrIndex::kStimer0Count, 50), MsrOutcome::kHandled);
  ASSERT_EQ(Write(MsrIndex::kSimp, kSimp | kEnable), MsrOutcome::kHandled);
  EXPECT_EQ(Word(kSimp + 2 * tlfs::kMessageSize),
            static_cast<uint32_t>(tlfs::MessageType::kTimerExpired));
}

TEST_F(VirtualProcessorTest, AMessageFromAnotherThreadIsDeliveredInTheTurn) {
  ASSERT_EQ(Write(MsrIndex::kSimp, kSimp | kEnable), MsrOutcome::kHandled);
  ASSERT_EQ(Write(MsrIndex::kSint0, kSintVector), MsrOutcome::kHandled);
  MessagePort port(vp_.synic(), SintIndex::Of<0>(), 7);
  ASSERT_EQ(port.Post(tlfs::MessageType{1}, {}), PostResult::kPosted);
  EXPECT_EQ(host_.scheduler.kicks(kVp1), 1);
  vp_.Poll(RefTime(0));
  EXPECT_EQ(Word(kSimp), 1u);
  EXPECT_EQ(host_.interrupts.pending(), 1u);
}

// For a guest that does not write EOM.
TEST_F(VirtualProcessorTest, AnEoiBringsTheNextMessage) {
  ASSERT_EQ(Write(MsrIndex::kSimp, kSimp | kEnable), MsrOutcome::kHandled);
  ASSERT_EQ(Write(MsrIndex::kSint0, kSintVector), MsrOutcome::kHandled);
  MessagePort port(vp_.synic(), SintIndex::Of<0>(), 7);
  ASSERT_EQ(port.PostFromVp(tlfs::MessageType{1}, {}), PostResult::kPosted);
  ASSERT_EQ(port.PostFromVp(tlfs::MessageType{2}, {}), PostResult::kPosted);
  PutWord(kSimp, 0);
  vp_.OnEoi(Vector{kSintVector});
  EXPECT_EQ(Word(kSimp), 2u);
}

TEST_F(VirtualProcessorTest, ResetStopsTimersAndTakesThePagesAway) {
  EnableAssistPage();
  ASSERT_EQ(Write(MsrIndex::kStimer0Config, kDirectOneShot), MsrOutcome::kHandled);
  ASSERT_EQ(Write(MsrIndex::kStimer0Count, 500), MsrOutcome::kHandled);
  vp_.Reset();
  vp_.Poll(RefTime(500));
  EXPECT_EQ(host_.interrupts.pending(), 0u);
  EXPECT_EQ(host_.scheduler.deadline(kVp1), std::nullopt);
  EXPECT_EQ(host_.eoi_assist.page, std::nullopt);
  EXPECT_EQ(host_.memory.pinned(), 0);
}

TEST_F(VirtualProcessorTest, ResetLeavesTheOtherVpAlone) {
  VirtualProcessor& other = *partition_.FindVp(VpIndex(0));
  const auto sint = static_cast<uint32_t>(MsrIndex::kSint0);
  ASSERT_EQ(other.WriteMsr(sint, kSintVector), MsrOutcome::kHandled);
  vp_.Reset();
  EXPECT_EQ(other.ReadMsr(sint), MsrRead::Handled(kSintVector));
}

// The buffers of overlay pages are not counted.
TEST(VirtualProcessorMemoryTest, IsAtMostTwoKib) { EXPECT_LE(sizeof(VirtualProcessor), 2048u); }

}  // namespace
}  // namespace hvkit::hyperv
