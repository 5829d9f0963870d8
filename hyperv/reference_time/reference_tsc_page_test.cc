#include "hyperv/reference_time/reference_tsc_page.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/reference_time/tsc_scale.h"
#include "testing/fakes/fake_guest_memory.h"
#include "testing/fakes/fake_reference_clock.h"

namespace hvkit::hyperv {
namespace {

constexpr Gpn kHere = Gpn::Containing(Gpa(0x5000));
constexpr Gpn kThere = Gpn::Containing(Gpa(0x6000));
constexpr Gpn kNowhere = Gpn::Containing(Gpa(0x100000));

constexpr size_t kSequence = 0;
constexpr size_t kScale = 8;
constexpr size_t kOffset = 16;

// What a guest finds when it reads the page as the TLFS recommends.
struct Reading {
  uint32_t sequence = 0;
  TscParameters tsc;
};

// Nothing if the page changed meanwhile.
std::optional<Reading> ReadOnce(const PinnedPage& page) {
  Reading reading;
  reading.sequence = page.Load<uint32_t>(kSequence);
  reading.tsc.scale = page.Load<uint64_t>(kScale);
  reading.tsc.offset = page.Load<uint64_t>(kOffset);
  if (page.Load<uint32_t>(kSequence) != reading.sequence) return std::nullopt;
  return reading;
}

class ReferenceTscPageTest : public ::testing::Test {
 protected:
  ReferenceTscPageTest() { memory_.MapRam(kHere, 2); }

  PinnedPage Pin(Gpn page) { return *memory_.Pin(page, Access::kReadWrite); }
  Reading Read(Gpn page = kHere) { return ReadOnce(Pin(page)).value_or(Reading{}); }

  testing::FakeGuestMemory memory_;
  testing::FakeReferenceClock clock_;
  OverlayMap map_{memory_};
  ReferenceTscPage page_{clock_, map_};
};

TEST_F(ReferenceTscPageTest, EnabledPageHoldsTheClocksParameters) {
  page_.Enable(kHere);
  EXPECT_EQ(page_.state(), OverlayState::kVisible);
  EXPECT_EQ(Read().sequence, 1u);
  EXPECT_EQ(Read().tsc, testing::FakeReferenceClock::kExact);
}

TEST_F(ReferenceTscPageTest, PageAndClockAgreeAsTimePasses) {
  page_.Enable(kHere);
  for (int i = 0; i < 10; ++i) {
    clock_.Advance(RefDuration(1'234'567));
    EXPECT_EQ(ReferenceTimeAt(clock_.GuestTsc(), Read().tsc), clock_.Now());
  }
}

TEST_F(ReferenceTscPageTest, DisabledPageGivesBackWhatTheGuestHad) {
  Pin(kHere).Store<uint64_t>(kScale, 77);
  page_.Enable(kHere);
  page_.Disable();
  EXPECT_EQ(page_.state(), OverlayState::kDisabled);
  EXPECT_EQ(Read().tsc.scale, 77u);
}

TEST_F(ReferenceTscPageTest, ClockWithoutInvariantTscMakesThePageInvalid) {
  clock_.SetInvariantTsc(std::nullopt);
  page_.Enable(kHere);
  EXPECT_EQ(Read().sequence, 0u);
}

TEST_F(ReferenceTscPageTest, RepublishShowsNewParametersUnderANewSequence) {
  page_.Enable(kHere);
  clock_.SetInvariantTsc(TscParameters{.scale = 5, .offset = ~uint64_t{0}});
  page_.Republish();
  EXPECT_EQ(Read().sequence, 2u);
  EXPECT_EQ(Read().tsc, (TscParameters{.scale = 5, .offset = ~uint64_t{0}}));
}

TEST_F(ReferenceTscPageTest, SequenceGoesOnAfterATimeWithoutInvariantTsc) {
  page_.Enable(kHere);
  clock_.SetInvariantTsc(std::nullopt);
  page_.Republish();
  EXPECT_EQ(Read().sequence, 0u);
  clock_.SetInvariantTsc(testing::FakeReferenceClock::kExact);
  page_.Republish();
  EXPECT_EQ(Read().sequence, 2u);
}

TEST_F(ReferenceTscPageTest, EnableShowsWhatHasChangedMeanwhile) {
  page_.Enable(kHere);
  page_.Disable();
  clock_.SetInvariantTsc(TscParameters{.scale = 6, .offset = 7});
  page_.Enable(kThere);
  EXPECT_EQ(Read(kThere).tsc, (TscParameters{.scale = 6, .offset = 7}));
  EXPECT_EQ(Read(kThere).sequence, 2u);
}

TEST_F(ReferenceTscPageTest, RepublishRepairsWhatTheGuestOverwrote) {
  page_.Enable(kHere);
  Pin(kHere).Store<uint64_t>(kScale, 1);
  Pin(kHere).Store<uint32_t>(kSequence, 99);
  page_.Republish();
  EXPECT_EQ(Read().sequence, 2u);
  EXPECT_EQ(Read().tsc, testing::FakeReferenceClock::kExact);
}

TEST_F(ReferenceTscPageTest, PageWithoutRamIsNotAccessibleToTheGuest) {
  page_.Enable(kNowhere);
  EXPECT_EQ(page_.state(), OverlayState::kNoRam);
  page_.Enable(kHere);
  EXPECT_EQ(Read().tsc, testing::FakeReferenceClock::kExact);
}

TEST_F(ReferenceTscPageTest, SequenceOfASavedPartitionGoesOn) {
  ReferenceTscPage restored(clock_, map_, 0xFFFFFFFD);
  restored.Enable(kHere);
  EXPECT_EQ(Read().sequence, 0xFFFFFFFEu);
  restored.Republish();
  EXPECT_EQ(Read().sequence, 1u);
  EXPECT_EQ(restored.sequence(), 1u);
}

// One thread publishes, as a VP or the VMM does; the other reads, as a guest does.

constexpr uint64_t kReadings = 300'000;

// Parameters whose halves belong together.
constexpr TscParameters Pair(uint64_t number) { return {.scale = number, .offset = ~number}; }

class Guest {
 public:
  explicit Guest(PinnedPage page) : page_(std::move(page)), thread_([this] { Run(); }) {}
  void Stop() {
    stop_.store(true);
    thread_.join();
  }
  uint64_t readings() const { return readings_.load(); }
  uint64_t torn() const { return torn_; }
  uint64_t went_back() const { return went_back_; }

 private:
  void Run() {
    while (!stop_.load()) {
      const std::optional<Reading> reading = ReadOnce(page_);
      if (reading.has_value() && reading->sequence != 0) Check(*reading);
      readings_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  void Check(const Reading& reading) {
    torn_ += reading.tsc.offset != ~reading.tsc.scale ? 1 : 0;
    went_back_ += reading.tsc.scale < newest_ ? 1 : 0;
    newest_ = reading.tsc.scale;
  }

  PinnedPage page_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> readings_{0};
  uint64_t torn_ = 0;
  uint64_t went_back_ = 0;
  uint64_t newest_ = 0;
  std::thread thread_;
};

TEST_F(ReferenceTscPageTest, GuestNeverSeesHalvesOfTwoPublications) {
  clock_.SetInvariantTsc(Pair(0));
  page_.Enable(kHere);
  Guest guest(Pin(kHere));
  uint64_t last = 0;
  while (guest.readings() < kReadings) {
    clock_.SetInvariantTsc(Pair(++last));
    page_.Republish();
  }
  guest.Stop();
  EXPECT_EQ(guest.torn(), 0u);
  EXPECT_EQ(guest.went_back(), 0u);
  EXPECT_EQ(Read().tsc, Pair(last));
}

TEST_F(ReferenceTscPageTest, GuestNeverSeesHalvesWhileTheTscComesAndGoes) {
  clock_.SetInvariantTsc(Pair(0));
  page_.Enable(kHere);
  Guest guest(Pin(kHere));
  for (uint64_t i = 1; guest.readings() < kReadings; ++i) {
    const std::optional<TscParameters> tsc = Pair(i);
    clock_.SetInvariantTsc(i % 2 == 0 ? tsc : std::nullopt);
    page_.Republish();
  }
  guest.Stop();
  EXPECT_EQ(guest.torn(), 0u);
  EXPECT_EQ(guest.went_back(), 0u);
}

}  // namespace
}  // namespace hvkit::hyperv
