// What the virtual processors of a partition share, as its guest sees it: identity and hypercall
// page, reference time, reset and crash, the debugger, TSC controls, and a reset of it all.
#include "hyperv/partition/partition.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "gtest/gtest.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/partition/partition_config.h"
#include "hyperv/partition/test_host.h"
#include "hyperv/partition/virtual_processor.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/pages.h"

namespace hvkit::hyperv {
namespace {

using tlfs::MsrIndex;

constexpr uint64_t kEnable = 1;
constexpr uint64_t kLock = 2;
constexpr uint64_t kPage = 0x5000;
constexpr uint64_t kOtherPage = 0x6000;
constexpr uint64_t kNoRam = 0x100'0000;
constexpr uint64_t kLinux = 0x8100'0006'0100'0000;
constexpr uint64_t kTscHz = 2'000'000'000;
constexpr uint64_t kBelow = 0x1122334455667788;  // What the guest has in its RAM
constexpr HypercallCode kCode = {.bytes = {0x90, 0xE6, 0x7D, 0xC3}, .size = 4};
constexpr uint64_t kCodeAndInt3 = 0xCCCCCCCCC37DE690;

class PartitionTest : public ::testing::Test {
 protected:
  static PartitionConfig Config(const EnlightenmentSet& in_force) {
    return {
        .in_force = in_force, .vp_count = 2, .hypercall_code = kCode, .tsc_frequency_hz = kTscHz};
  }

  MsrOutcome Write(MsrIndex index, uint64_t value, VpIndex vp = VpIndex(0)) {
    return partition_.FindVp(vp)->WriteMsr(static_cast<uint32_t>(index), value);
  }
  uint64_t Read(MsrIndex index, VpIndex vp = VpIndex(0)) {
    const MsrRead read = partition_.FindVp(vp)->ReadMsr(static_cast<uint32_t>(index));
    EXPECT_EQ(read.outcome, MsrOutcome::kHandled);
    return read.value;
  }
  uint64_t Word(uint64_t address) {
    uint64_t word = 0;
    EXPECT_EQ(host_.memory.Read(Gpa(address), std::as_writable_bytes(std::span(&word, 1))),
              MemFault::kNone);
    return word;
  }
  void Put(uint64_t address, std::span<const std::byte> bytes) {
    ASSERT_EQ(host_.memory.Write(Gpa(address), bytes), MemFault::kNone);
  }
  void PutWord(uint64_t address, uint64_t word) {
    Put(address, std::as_bytes(std::span(&word, 1)));
  }
  void PlaceHypercallPage(uint64_t page, uint64_t flags = kEnable) {
    ASSERT_EQ(Write(MsrIndex::kGuestOsId, kLinux), MsrOutcome::kHandled);
    ASSERT_EQ(Write(MsrIndex::kHypercall, page | flags), MsrOutcome::kHandled);
  }

  TestHost host_;
  Partition partition_{Config(AllEnforced()), host_.Host()};
};

TEST_F(PartitionTest, HasAsManyVpsAsConfigured) {
  EXPECT_EQ(partition_.vp_count(), 2u);
  EXPECT_EQ(Read(MsrIndex::kVpIndex, VpIndex(1)), 1u);
  EXPECT_EQ(partition_.FindVp(VpIndex(2)), nullptr);
}

TEST_F(PartitionTest, HypercallPageShowsTheConfiguredCodeAndTrapsBeyond) {
  PlaceHypercallPage(kPage);
  EXPECT_EQ(Word(kPage), kCodeAndInt3);
  EXPECT_EQ(Word(kPage + kPageSize - 8), 0xCCCCCCCCCCCCCCCC);
  EXPECT_EQ(partition_.hypercall_page().page(), Gpa(kPage).Page());
}

TEST_F(PartitionTest, HypercallPageGivesBackWhatWasBelow) {
  PutWord(kPage, kBelow);
  PlaceHypercallPage(kPage);
  EXPECT_EQ(Write(MsrIndex::kHypercall, 0), MsrOutcome::kHandled);
  EXPECT_EQ(Word(kPage), kBelow);
  EXPECT_EQ(partition_.hypercall_page().page(), std::nullopt);
}

TEST_F(PartitionTest, HypercallPageMovesWithItsRegister) {
  PutWord(kPage, kBelow);
  PlaceHypercallPage(kPage);
  EXPECT_EQ(Write(MsrIndex::kHypercall, kOtherPage | kEnable, VpIndex(1)), MsrOutcome::kHandled);
  EXPECT_EQ(Word(kPage), kBelow);
  EXPECT_EQ(Word(kOtherPage), kCodeAndInt3);
}

TEST_F(PartitionTest, HypercallPageThatTheGuestOverwroteIsWholeWhenEnabledAgain) {
  PlaceHypercallPage(kPage);
  PutWord(kPage, 0);
  EXPECT_EQ(Write(MsrIndex::kHypercall, kPage | kEnable), MsrOutcome::kHandled);
  EXPECT_EQ(Word(kPage), kCodeAndInt3);
}

TEST_F(PartitionTest, WithoutAGuestOsIdTheHypercallPageStaysDisabled) {
  EXPECT_EQ(Write(MsrIndex::kHypercall, kPage | kEnable), MsrOutcome::kHandled);
  EXPECT_EQ(Read(MsrIndex::kHypercall), kPage);
  EXPECT_EQ(Word(kPage), 0u);
}

TEST_F(PartitionTest, ClearingTheGuestOsIdDisablesTheHypercallPage) {
  PlaceHypercallPage(kPage);
  EXPECT_EQ(Write(MsrIndex::kGuestOsId, 0), MsrOutcome::kHandled);
  EXPECT_EQ(Read(MsrIndex::kHypercall), kPage);
  EXPECT_EQ(Word(kPage), 0u);
}

TEST_F(PartitionTest, HypercallPageWithoutRamFaultsAndStaysWhereItWas) {
  PlaceHypercallPage(kPage);
  EXPECT_EQ(Write(MsrIndex::kHypercall, kNoRam | kEnable), MsrOutcome::kGeneralProtection);
  EXPECT_EQ(Read(MsrIndex::kHypercall), kPage | kEnable);
  EXPECT_EQ(Word(kPage), kCodeAndInt3);
}

TEST_F(PartitionTest, LockedHypercallRegisterFaultsUntilReset) {
  PlaceHypercallPage(kPage, kEnable | kLock);
  EXPECT_EQ(Write(MsrIndex::kHypercall, 0), MsrOutcome::kGeneralProtection);
  EXPECT_EQ(Read(MsrIndex::kHypercall), kPage | kEnable | kLock);
  partition_.Reset();
  EXPECT_EQ(Write(MsrIndex::kHypercall, kOtherPage), MsrOutcome::kHandled);
}

TEST_F(PartitionTest, WithoutTheFeatureTheLockIsABitWithoutEffect) {
  EnlightenmentSet set = AllEnforced();
  set.Remove(Enlightenment::kHypercallLock);
  Partition partition(Config(set), host_.Host());
  VirtualProcessor& vp = *partition.FindVp(VpIndex(0));
  const auto index = static_cast<uint32_t>(MsrIndex::kHypercall);
  EXPECT_EQ(vp.WriteMsr(index, kPage | kLock), MsrOutcome::kHandled);
  EXPECT_EQ(vp.WriteMsr(index, kOtherPage | kLock), MsrOutcome::kHandled);
  EXPECT_EQ(vp.ReadMsr(index), MsrRead::Handled(kOtherPage | kLock));
}

TEST_F(PartitionTest, TimeRefCountIsTheClock) {
  host_.clock.Set(RefTime(123'456));
  EXPECT_EQ(Read(MsrIndex::kTimeRefCount, VpIndex(1)), 123'456u);
}

TEST_F(PartitionTest, FrequenciesAreTheConfigured) {
  EXPECT_EQ(Read(MsrIndex::kTscFrequency), kTscHz);
  EXPECT_EQ(Read(MsrIndex::kApicFrequency), 1'000'000'000u);
}

TEST_F(PartitionTest, ReferenceTscPageIsPublishedAndGoesWithItsRegister) {
  PutWord(kPage, kBelow);
  ASSERT_EQ(Write(MsrIndex::kReferenceTsc, kPage | kEnable), MsrOutcome::kHandled);
  EXPECT_NE(static_cast<uint32_t>(Word(kPage)), tlfs::ReferenceTscPage::kSequenceInvalid);
  EXPECT_EQ(Word(kPage + offsetof(tlfs::ReferenceTscPage, scale)),
            testing::FakeReferenceClock::kExact.scale);
  ASSERT_EQ(Write(MsrIndex::kReferenceTsc, 0), MsrOutcome::kHandled);
  EXPECT_EQ(Word(kPage), kBelow);
}

TEST_F(PartitionTest, RepublishingAfterTheTscIsLostSendsTheGuestToTheMsr) {
  ASSERT_EQ(Write(MsrIndex::kReferenceTsc, kPage | kEnable), MsrOutcome::kHandled);
  host_.clock.SetInvariantTsc(std::nullopt);
  partition_.RepublishReferenceTsc();
  EXPECT_EQ(static_cast<uint32_t>(Word(kPage)), tlfs::ReferenceTscPage::kSequenceInvalid);
}

TEST_F(PartitionTest, ReferenceTscPageWithoutRamIsEnabledButNotSeen) {
  EXPECT_EQ(Write(MsrIndex::kReferenceTsc, kNoRam | kEnable), MsrOutcome::kHandled);
  EXPECT_EQ(Read(MsrIndex::kReferenceTsc), kNoRam | kEnable);
}

TEST_F(PartitionTest, ResetBitReachesTheHostWithItsVp) {
  EXPECT_EQ(Write(MsrIndex::kReset, 1, VpIndex(1)), MsrOutcome::kHandled);
  EXPECT_EQ(host_.events.resets, std::vector{VpIndex(1)});
}

TEST_F(PartitionTest, ResetWithoutItsBitDoesNothing) {
  EXPECT_EQ(Write(MsrIndex::kReset, 0), MsrOutcome::kHandled);
  EXPECT_TRUE(host_.events.resets.empty());
}

TEST_F(PartitionTest, CrashNotifyReportsTheParameters) {
  for (uint64_t i = 0; i < kCrashParameterCount; ++i) {
    const MsrIndex parameter{static_cast<uint32_t>(MsrIndex::kCrashP0) + static_cast<uint32_t>(i)};
    ASSERT_EQ(Write(parameter, 100 + i, VpIndex(1)), MsrOutcome::kHandled);
  }
  ASSERT_EQ(Write(MsrIndex::kCrashCtl, tlfs::CrashCtl::CrashNotify::kMask), MsrOutcome::kHandled);
  ASSERT_EQ(host_.events.crashes.size(), 1u);
  EXPECT_EQ(host_.events.crashes[0].parameters,
            (std::array<uint64_t, kCrashParameterCount>{100, 101, 102, 103, 104}));
  EXPECT_EQ(host_.events.crashes[0].message, std::nullopt);
}

TEST_F(PartitionTest, CrashWithoutNotifyIsNoReport) {
  ASSERT_EQ(Write(MsrIndex::kCrashCtl, tlfs::CrashCtl::CrashMessage::kMask), MsrOutcome::kHandled);
  EXPECT_TRUE(host_.events.crashes.empty());
}

class CrashMessageTest : public PartitionTest {
 protected:
  std::optional<std::string> Report(uint64_t address, uint64_t length) {
    constexpr uint64_t kWithMessage =
        tlfs::CrashCtl::CrashNotify::kMask | tlfs::CrashCtl::CrashMessage::kMask;
    EXPECT_EQ(Write(MsrIndex::kCrashP3, address), MsrOutcome::kHandled);
    EXPECT_EQ(Write(MsrIndex::kCrashP4, length), MsrOutcome::kHandled);
    EXPECT_EQ(Write(MsrIndex::kCrashCtl, kWithMessage), MsrOutcome::kHandled);
    EXPECT_EQ(host_.events.crashes.size(), 1u);
    return host_.events.crashes.at(0).message;
  }
  void PutText(const std::string& text) { Put(kPage, std::as_bytes(std::span(text))); }
};

TEST_F(CrashMessageTest, IsReadFromGuestMemory) {
  PutText("Kernel panic");
  EXPECT_EQ(Report(kPage, 12), "Kernel panic");
}

TEST_F(CrashMessageTest, EndsAtANul) {
  PutText("Oops");
  EXPECT_EQ(Report(kPage, 100), "Oops");
}

TEST_F(CrashMessageTest, IsCutAtOnePage) {
  PutText(std::string(kPageSize + 1, 'x'));
  EXPECT_EQ(Report(kPage, ~uint64_t{0}), std::string(kPageSize, 'x'));
}

TEST_F(CrashMessageTest, IsMissingWithoutRam) { EXPECT_EQ(Report(kNoRam, 12), std::nullopt); }

TEST_F(CrashMessageTest, IsMissingWithoutLength) { EXPECT_EQ(Report(kPage, 0), std::nullopt); }

TEST_F(PartitionTest, DebuggerControlGoesToTheTransportWhoseAnswerIsTheStatus) {
  host_.syndbg.status = 0x1234;
  ASSERT_EQ(Write(MsrIndex::kSyndbgSendBuffer, kPage), MsrOutcome::kHandled);
  ASSERT_EQ(Write(MsrIndex::kSyndbgControl, 3), MsrOutcome::kHandled);
  EXPECT_EQ(host_.syndbg.controlled.control, 3u);
  EXPECT_EQ(host_.syndbg.controlled.send_page, kPage);
  EXPECT_EQ(Read(MsrIndex::kSyndbgStatus), 0x1234u);
}

TEST_F(PartitionTest, DebuggerPendingBufferGoesToTheTransport) {
  ASSERT_EQ(Write(MsrIndex::kSyndbgPendingBuffer, kPage), MsrOutcome::kHandled);
  EXPECT_EQ(host_.syndbg.pending.pending_page, kPage);
}

TEST_F(PartitionTest, TscControlsTellTheHostWhatTheGuestAskedFor) {
  ASSERT_EQ(Write(MsrIndex::kReenlightenmentControl, 0x1'0001'0030), MsrOutcome::kHandled);
  ASSERT_EQ(Write(MsrIndex::kTscEmulationControl, 1), MsrOutcome::kHandled);
  ASSERT_EQ(Write(MsrIndex::kTscInvariantControl, 1), MsrOutcome::kHandled);
  EXPECT_EQ(partition_.tsc_controls().reenlightenment(), 0x1'0001'0030u);
  EXPECT_EQ(partition_.tsc_controls().emulation(), 1u);
  EXPECT_EQ(partition_.tsc_controls().invariant(), 1u);
}

TEST_F(PartitionTest, ResetTakesAllOverlaysAway) {
  PutWord(kPage, kBelow);
  PlaceHypercallPage(kPage);
  ASSERT_EQ(Write(MsrIndex::kReferenceTsc, kOtherPage | kEnable), MsrOutcome::kHandled);
  ASSERT_EQ(Write(MsrIndex::kVpAssistPage, 0x8000 | kEnable, VpIndex(1)), MsrOutcome::kHandled);
  ASSERT_EQ(Write(MsrIndex::kSimp, 0x9000 | kEnable, VpIndex(1)), MsrOutcome::kHandled);
  partition_.Reset();
  EXPECT_EQ(host_.memory.pinned(), 0);
  EXPECT_EQ(Word(kPage), kBelow);
  EXPECT_EQ(Word(kOtherPage), 0u);
}

TEST_F(PartitionTest, ResetKeepsVpIndexAndReferenceTime) {
  host_.clock.Set(RefTime(99));
  partition_.Reset();
  EXPECT_EQ(Read(MsrIndex::kVpIndex, VpIndex(1)), 1u);
  EXPECT_EQ(Read(MsrIndex::kTimeRefCount), 99u);
}

TEST_F(PartitionTest, TheHypercallPageCoversTheOthersWhereTheyMeet) {
  ASSERT_EQ(Write(MsrIndex::kSimp, kPage | kEnable), MsrOutcome::kHandled);
  PlaceHypercallPage(kPage);
  EXPECT_EQ(Word(kPage), kCodeAndInt3);
  ASSERT_EQ(Write(MsrIndex::kHypercall, 0), MsrOutcome::kHandled);
  EXPECT_EQ(Word(kPage), 0u);
}

TEST(PartitionWithoutHooksTest, FaultsWhereTheHostCannotServe) {
  TestHost host;
  Partition partition({.in_force = AllEnforced()}, host.HostWithoutHooks());
  VirtualProcessor& vp = *partition.FindVp(VpIndex(0));
  for (const MsrIndex index : {MsrIndex::kVpRuntime, MsrIndex::kIcr, MsrIndex::kTpr,
                               MsrIndex::kGuestIdle, MsrIndex::kSyndbgControl}) {
    EXPECT_EQ(vp.ReadMsr(static_cast<uint32_t>(index)), MsrRead::Fault());
  }
  for (const MsrIndex index : {MsrIndex::kEoi, MsrIndex::kIcr, MsrIndex::kSyndbgControl}) {
    EXPECT_EQ(vp.WriteMsr(static_cast<uint32_t>(index), 0), MsrOutcome::kGeneralProtection);
  }
}

TEST(PartitionWithoutHooksTest, HasAnAssistPageAllTheSame) {
  TestHost host;
  Partition partition({.in_force = AllEnforced()}, host.HostWithoutHooks());
  VirtualProcessor& vp = *partition.FindVp(VpIndex(0));
  EXPECT_EQ(vp.WriteMsr(static_cast<uint32_t>(MsrIndex::kVpAssistPage), kPage | kEnable),
            MsrOutcome::kHandled);
}

}  // namespace
}  // namespace hvkit::hyperv
