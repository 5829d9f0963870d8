#include "hyperv/overlay/overlay_page.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/overlay/overlay_kind.h"
#include "testing/fakes/fake_guest_memory.h"
#include "testing/fakes/fake_vp_scheduler.h"

namespace hvkit::hyperv {
namespace {

using enum OverlayKind;

constexpr Gpn Page(uint64_t number) { return Gpn::Containing(Gpa(number << kPageShift)); }

constexpr Gpn kHere = Page(0x10);
constexpr Gpn kThere = Page(0x11);
constexpr Gpn kNowhere = Page(0x100);
constexpr Gpn kRom = Page(0x20);
constexpr size_t kLast = kPageSize - sizeof(uint64_t);

class OverlayPageTest : public ::testing::Test {
 protected:
  OverlayPageTest() {
    memory_.MapRam(kHere, 2);
    memory_.MapRam(kRom, 1, Access::kRead);
    for (const Gpn page : {kHere, kThere}) SetGuest(page, page.value());
  }

  // The first and the last word of a page stand for all of it.
  void SetGuest(Gpn page, uint64_t value) {
    auto ram = memory_.Pin(page, Access::kReadWrite);
    ram->Store<uint64_t>(0, value);
    ram->Store<uint64_t>(kLast, value);
  }
  uint64_t Guest(Gpn page) {
    const auto ram = memory_.Pin(page, Access::kRead);
    EXPECT_EQ(ram->Load<uint64_t>(0), ram->Load<uint64_t>(kLast));
    return ram->Load<uint64_t>(0);
  }
  static void Set(OverlayPage& overlay, uint64_t value) {
    overlay.Store<uint64_t>(0, value);
    overlay.Store<uint64_t>(kLast, value);
  }
  static uint64_t Get(const OverlayPage& overlay) {
    EXPECT_EQ(overlay.Load<uint64_t>(0), overlay.Load<uint64_t>(kLast));
    return overlay.Load<uint64_t>(0);
  }

  testing::FakeGuestMemory memory_;
  OverlayMap map_{memory_};
};

TEST_F(OverlayPageTest, NewPageIsDisabledAndZero) {
  const OverlayPage overlay(map_, kSimp);
  EXPECT_EQ(overlay.state(), OverlayState::kDisabled);
  EXPECT_EQ(Get(overlay), 0u);
  EXPECT_EQ(memory_.pins(), 2);  // Those of the fixture
}

TEST_F(OverlayPageTest, VpIsKickedWhenAnotherOverlayHidesOrUncoversItsPage) {
  constexpr VpIndex kVp(3);
  testing::FakeVpScheduler scheduler;
  OverlayPage page(map_, kSimp, kVp, &scheduler);
  ASSERT_TRUE(page.Enable(kThere));
  ASSERT_TRUE(page.Enable(kHere));
  EXPECT_EQ(scheduler.kicks(kVp), 0);
  OverlayPage other(map_, kHypercall);
  ASSERT_TRUE(other.Enable(kHere));
  EXPECT_EQ(scheduler.kicks(kVp), 1);
  EXPECT_FALSE(page.IsVisible());
  other.Disable();
  EXPECT_EQ(scheduler.kicks(kVp), 2);
  EXPECT_TRUE(page.IsVisible());
}

TEST_F(OverlayPageTest, EnabledPageCoversWhatTheGuestHad) {
  OverlayPage overlay(map_, kSimp);
  Set(overlay, 0x51);
  ASSERT_TRUE(overlay.Enable(kHere));
  EXPECT_EQ(overlay.state(), OverlayState::kVisible);
  EXPECT_EQ(Guest(kHere), 0x51u);
  EXPECT_EQ(Guest(kThere), kThere.value());
}

TEST_F(OverlayPageTest, DisabledPageGivesBackWhatTheGuestHad) {
  OverlayPage overlay(map_, kSimp);
  Set(overlay, 0x51);
  ASSERT_TRUE(overlay.Enable(kHere));
  overlay.Disable();
  EXPECT_EQ(overlay.state(), OverlayState::kDisabled);
  EXPECT_EQ(Guest(kHere), kHere.value());
  EXPECT_EQ(Get(overlay), 0x51u);
  EXPECT_EQ(memory_.pinned(), 0);
}

TEST_F(OverlayPageTest, MovedPageTakesItsContentsAlong) {
  OverlayPage overlay(map_, kSimp);
  ASSERT_TRUE(overlay.Enable(kHere));
  SetGuest(kHere, 0x52);
  ASSERT_TRUE(overlay.Enable(kThere));
  EXPECT_EQ(Guest(kHere), kHere.value());
  EXPECT_EQ(Guest(kThere), 0x52u);
  EXPECT_EQ(memory_.pinned(), 1);
}

TEST_F(OverlayPageTest, AccessesAndTheGuestShareTheContents) {
  OverlayPage overlay(map_, kSiefp);
  ASSERT_TRUE(overlay.Enable(kHere));
  SetGuest(kHere, 1);
  EXPECT_EQ(overlay.FetchOr<uint64_t>(0, 6), 1u);
  EXPECT_EQ(overlay.FetchOr<uint64_t>(kLast, 6), 1u);
  EXPECT_EQ(Guest(kHere), 7u);
}

TEST_F(OverlayPageTest, EnablingWhereItIsChangesNothing) {
  OverlayPage overlay(map_, kSimp);
  ASSERT_TRUE(overlay.Enable(kHere));
  Set(overlay, 0x53);
  ASSERT_TRUE(overlay.Enable(kHere));
  EXPECT_EQ(Guest(kHere), 0x53u);
  EXPECT_EQ(memory_.pinned(), 1);
  overlay.Disable();
  EXPECT_EQ(Guest(kHere), kHere.value());
}

TEST_F(OverlayPageTest, DestroyedPageGivesBackWhatTheGuestHad) {
  {
    OverlayPage overlay(map_, kSimp);
    Set(overlay, 0x54);
    ASSERT_TRUE(overlay.Enable(kHere));
  }
  EXPECT_EQ(Guest(kHere), kHere.value());
  EXPECT_EQ(memory_.pinned(), 0);
}

TEST_F(OverlayPageTest, DisablingADisabledPageDoesNothing) {
  OverlayPage overlay(map_, kSimp);
  overlay.Disable();
  EXPECT_EQ(overlay.state(), OverlayState::kDisabled);
}

TEST_F(OverlayPageTest, ContentsOutliveDisabling) {
  OverlayPage overlay(map_, kVpAssist);
  ASSERT_TRUE(overlay.Enable(kHere));
  SetGuest(kHere, 0x55);
  overlay.Disable();
  SetGuest(kHere, 0x56);
  ASSERT_TRUE(overlay.Enable(kHere));
  EXPECT_EQ(Guest(kHere), 0x55u);
  overlay.Disable();
  EXPECT_EQ(Guest(kHere), 0x56u);
}

TEST_F(OverlayPageTest, ZeroClearsEveryWord) {
  OverlayPage overlay(map_, kSimp);
  ASSERT_TRUE(overlay.Enable(kHere));
  const std::vector<std::byte> ones(kPageSize, std::byte{0xFF});
  overlay.CopyIn(0, ones);
  overlay.Zero();
  std::vector<std::byte> out(kPageSize, std::byte{1});
  overlay.CopyOut(0, out);
  EXPECT_EQ(out, std::vector<std::byte>(kPageSize));
}

TEST_F(OverlayPageTest, FailedCompareExchangeReportsFoundValue) {
  OverlayPage overlay(map_, kSimp);
  overlay.Store<uint32_t>(0x104, 3);
  uint32_t expected = 0;
  EXPECT_FALSE(overlay.CompareExchange<uint32_t>(0x104, expected, 9));
  EXPECT_EQ(expected, 3u);
}

// Without RAM.

TEST_F(OverlayPageTest, PageWithoutRamBelowKeepsItsContentsToItself) {
  OverlayPage overlay(map_, kSimp);
  ASSERT_TRUE(overlay.Enable(kNowhere));
  EXPECT_EQ(overlay.state(), OverlayState::kNoRam);
  Set(overlay, 0x57);
  ASSERT_TRUE(overlay.Enable(kHere));
  EXPECT_EQ(Guest(kHere), 0x57u);
}

TEST_F(OverlayPageTest, MovingToAPageWithoutRamGivesBackTheOldOne) {
  OverlayPage overlay(map_, kSiefp);
  ASSERT_TRUE(overlay.Enable(kHere));
  Set(overlay, 0x58);
  ASSERT_TRUE(overlay.Enable(kNowhere));
  EXPECT_EQ(Guest(kHere), kHere.value());
  EXPECT_EQ(Get(overlay), 0x58u);
  EXPECT_EQ(memory_.pinned(), 0);
}

TEST_F(OverlayPageTest, PageTheGuestMayNotWriteCountsAsWithoutRam) {
  OverlayPage overlay(map_, kVpAssist);
  ASSERT_TRUE(overlay.Enable(kRom));
  EXPECT_EQ(overlay.state(), OverlayState::kNoRam);
}

TEST_F(OverlayPageTest, HypercallPageWithoutRamIsRefusedAndStaysWhereItWas) {
  OverlayPage overlay(map_, kHypercall);
  Set(overlay, 0xC3);
  ASSERT_TRUE(overlay.Enable(kHere));
  EXPECT_FALSE(overlay.Enable(kNowhere));
  EXPECT_EQ(overlay.state(), OverlayState::kVisible);
  EXPECT_EQ(Guest(kHere), 0xC3u);
}

TEST(OverlayKindTest, OnlyTheHypercallPageNeedsRam) {
  EXPECT_TRUE(NeedsRam(kHypercall));
  for (const OverlayKind kind : {kReferenceTsc, kVpAssist, kSimp, kSiefp}) {
    EXPECT_FALSE(NeedsRam(kind));
  }
}

// Several at one page.

struct PrecedenceCase {
  OverlayKind above;
  uint32_t above_vp;
  OverlayKind below;
  uint32_t below_vp;
};

class OverlayPrecedenceTest : public OverlayPageTest,
                              public ::testing::WithParamInterface<PrecedenceCase> {
 protected:
  OverlayPrecedenceTest() {
    Set(above_, 0xA);
    Set(below_, 0xB);
  }
  OverlayPage above_{map_, GetParam().above, VpIndex(GetParam().above_vp)};
  OverlayPage below_{map_, GetParam().below, VpIndex(GetParam().below_vp)};
};

TEST_P(OverlayPrecedenceTest, HigherOneShowsWhicheverCameFirst) {
  ASSERT_TRUE(above_.Enable(kHere) && below_.Enable(kHere));
  EXPECT_EQ(below_.state(), OverlayState::kHidden);
  EXPECT_EQ(Guest(kHere), 0xAu);
  above_.Disable();
  ASSERT_TRUE(above_.Enable(kHere));
  EXPECT_EQ(below_.state(), OverlayState::kHidden);
  EXPECT_EQ(Guest(kHere), 0xAu);
  EXPECT_EQ(Get(below_), 0xBu);
}

TEST_P(OverlayPrecedenceTest, LowerOneShowsWhenTheHigherGoes) {
  ASSERT_TRUE(below_.Enable(kHere) && above_.Enable(kHere));
  Set(below_, 0xBB);
  above_.Disable();
  EXPECT_EQ(below_.state(), OverlayState::kVisible);
  EXPECT_EQ(Guest(kHere), 0xBBu);
  EXPECT_EQ(Get(above_), 0xAu);
}

TEST_P(OverlayPrecedenceTest, GuestGetsItsBytesBackWhenBothHaveGone) {
  ASSERT_TRUE(below_.Enable(kHere) && above_.Enable(kHere));
  below_.Disable();
  EXPECT_EQ(Guest(kHere), 0xAu);
  above_.Disable();
  EXPECT_EQ(Guest(kHere), kHere.value());
  EXPECT_EQ(Get(below_), 0xBu);
  EXPECT_EQ(memory_.pinned(), 0);
}

INSTANTIATE_TEST_SUITE_P(Order, OverlayPrecedenceTest,
                         ::testing::Values(PrecedenceCase{kHypercall, 0, kReferenceTsc, 0},
                                           PrecedenceCase{kReferenceTsc, 0, kVpAssist, 0},
                                           PrecedenceCase{kVpAssist, 5, kSimp, 0},
                                           PrecedenceCase{kSimp, 5, kSiefp, 0},
                                           PrecedenceCase{kSimp, 1, kSimp, 2},
                                           PrecedenceCase{kHypercall, 0, kSiefp, 9}));

TEST_F(OverlayPageTest, MiddleOneOfThreeLeavesTheOthersAlone) {
  OverlayPage first(map_, kHypercall);
  OverlayPage second(map_, kReferenceTsc);
  OverlayPage third(map_, kSimp, VpIndex(3));
  Set(first, 1);
  Set(second, 2);
  Set(third, 3);
  ASSERT_TRUE(second.Enable(kHere) && third.Enable(kHere) && first.Enable(kHere));
  second.Disable();
  EXPECT_EQ(Guest(kHere), 1u);
  first.Disable();
  EXPECT_EQ(Guest(kHere), 3u);
  third.Disable();
  EXPECT_EQ(Guest(kHere), kHere.value());
}

TEST_F(OverlayPageTest, HiddenPageThatMovesAwayShowsAtItsNewPlace) {
  OverlayPage above(map_, kHypercall);
  OverlayPage below(map_, kSimp);
  ASSERT_TRUE(above.Enable(kHere) && below.Enable(kHere));
  Set(below, 0xB);
  ASSERT_TRUE(below.Enable(kThere));
  EXPECT_EQ(below.state(), OverlayState::kVisible);
  EXPECT_EQ(Guest(kThere), 0xBu);
}

// Threads.

// A processor of the guest that counts in the first word of a page, as fast as it can.
class CountingGuest {
 public:
  explicit CountingGuest(PinnedPage ram) : ram_(std::move(ram)), thread_([this] { Run(); }) {}
  uint64_t counted() const { return counted_.load(); }
  void Stop() {
    stop_.store(true);
    thread_.join();
  }

 private:
  void Run() {
    while (!stop_.load()) {
      uint64_t found = ram_.Load<uint64_t>(0);
      while (!ram_.CompareExchange<uint64_t>(0, found, found + 1)) {
      }
      counted_.fetch_add(1);
    }
  }

  PinnedPage ram_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> counted_{0};
  std::thread thread_;
};

// The guest's counts land below or in the overlay, so that the sum of the two is right.
TEST_F(OverlayPageTest, GuestStoresDuringTheExchangeAreNeverLost) {
  OverlayPage overlay(map_, kSimp);
  SetGuest(kHere, 0);
  CountingGuest guest(*memory_.Pin(kHere, Access::kReadWrite));
  for (int rounds = 0; rounds < 4000 || guest.counted() < 4000; ++rounds) {
    EXPECT_TRUE(overlay.Enable(kHere));
    overlay.Disable();
  }
  guest.Stop();
  const uint64_t below = memory_.Pin(kHere, Access::kRead)->Load<uint64_t>(0);
  EXPECT_EQ(below + overlay.Load<uint64_t>(0), guest.counted());
}

TEST_F(OverlayPageTest, PagesOfTwoVpsContendForOnePageWithoutARace) {
  constexpr int kRounds = 300;
  const auto run = [this](VpIndex vp) {
    OverlayPage overlay(map_, kSimp, vp);
    for (int i = 0; i < kRounds; ++i) {
      EXPECT_TRUE(overlay.Enable(i % 3 == 0 ? kThere : kHere));
      overlay.FetchOr<uint64_t>(8, 1);
      overlay.Store<uint32_t>(0x100, static_cast<uint32_t>(i));
      if (i % 5 == 0) overlay.Disable();
    }
  };
  std::thread other(run, VpIndex(1));
  run(VpIndex(0));
  other.join();
  EXPECT_EQ(memory_.pinned(), 0);
}

}  // namespace
}  // namespace hvkit::hyperv
