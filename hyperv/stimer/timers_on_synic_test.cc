// Synthetic timers and the SynIC together: what a guest finds in its message page.
#include <array>
#include <cstdint>
#include <optional>

#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/stimer/synthetic_timers.h"
#include "hyperv/synic/synic.h"
#include "hyperv/synic/test_guest.h"
#include "testing/fakes/fake_interrupt_sink.h"
#include "testing/fakes/fake_reference_clock.h"
#include "testing/fakes/fake_vp_scheduler.h"

namespace hvkit::hyperv {
namespace {

constexpr VpIndex kVp(1);
constexpr uint32_t kSimp = 0x40000083;
constexpr uint32_t kEom = 0x40000084;
constexpr uint32_t kSint2 = 0x40000092;
constexpr uint32_t kConfig0 = 0x400000B0;
constexpr uint32_t kCount0 = 0x400000B1;
constexpr uint64_t kOneShot = 0x20008;   // SINT 2, auto-enable
constexpr uint64_t kPeriodic = 0x2000A;  // and periodic
constexpr SintIndex kSint = SintIndex::Of<2>();

struct Expiry {
  uint64_t timer;
  uint64_t expiration;
  uint64_t delivery;
  friend bool operator==(const Expiry&, const Expiry&) = default;
};

class TimersOnSynicTest : public ::testing::Test {
 protected:
  TimersOnSynicTest() { synic_.SetSlotWaiter(&timers_); }

  void WriteSynic(uint32_t index, uint64_t value) {
    EXPECT_EQ(synic_.WriteMsr(index, value), MsrOutcome::kHandled);
  }
  void WriteTimer(uint32_t index, uint64_t value) {
    EXPECT_EQ(timers_.WriteMsr(index, value), MsrOutcome::kHandled);
  }
  void EnableSynic() {
    WriteSynic(kSint2, 0x60);
    WriteSynic(kSimp, TestGuest::kSimpPage | 1);
  }
  void RunUntil(uint64_t ticks) {
    clock_.Set(RefTime(ticks));
    if (scheduler_.TakePoll(kVp, RefTime(ticks))) timers_.Poll(RefTime(ticks));
  }
  std::optional<Expiry> Take() {
    if (guest_.Type(kSint) != 0x80000010 || guest_.Size(kSint) != 24) return std::nullopt;
    const Expiry expiry = {guest_.Payload(kSint, 0), guest_.Payload(kSint, 1),
                           guest_.Payload(kSint, 2)};
    if (guest_.Free(kSint)) WriteSynic(kEom, 0);
    return expiry;
  }

  TestGuest guest_;
  OverlayMap overlays_{guest_.memory()};
  testing::FakeReferenceClock clock_{RefTime(1000)};
  testing::FakeInterruptSink interrupts_;
  testing::FakeVpScheduler scheduler_;
  Synic synic_{{.vp = kVp, .polling = SintPolling::kAbsent, .policy = {}},
               overlays_,
               interrupts_,
               scheduler_};
  SyntheticTimers timers_{
      {.vp = kVp, .direct_mode = DirectMode::kAbsent, .policy = {.shortest_interval = 0}},
      clock_,
      synic_,
      interrupts_,
      scheduler_};
};

TEST_F(TimersOnSynicTest, HundredPeriodsOfTwentyMillisecondsAreExactAndNoneIsLost) {
  constexpr uint64_t kPeriod = 200'000;
  EnableSynic();
  WriteTimer(kConfig0, kPeriodic);
  WriteTimer(kCount0, kPeriod);
  for (uint64_t period = 1; period <= 100; ++period) {
    const uint64_t due = 1000 + period * kPeriod;
    RunUntil(due + 300);
    EXPECT_EQ(Take(), (Expiry{0, due, due + 300}));
  }
  EXPECT_EQ(interrupts_.pending(), 100u);
}

TEST_F(TimersOnSynicTest, TimerThatFiresWhileSimpIsOffIsDeliveredWhenItComesOn) {
  WriteTimer(kConfig0, kOneShot);
  WriteTimer(kCount0, 2000);
  RunUntil(2000);
  EXPECT_EQ(Take(), std::nullopt);
  EXPECT_EQ(timers_.ReadMsr(kConfig0).value, kOneShot | 1);
  clock_.Set(RefTime(5000));
  EnableSynic();
  EXPECT_EQ(Take(), (Expiry{0, 2000, 5000}));
  EXPECT_EQ(timers_.ReadMsr(kConfig0).value, kOneShot);
  EXPECT_EQ(interrupts_.pending(), 1u);
}

TEST_F(TimersOnSynicTest, FourTimersOnOneSintArriveOneAfterTheOtherByEom) {
  EnableSynic();
  for (uint32_t timer = 0; timer < 4; ++timer) {
    WriteTimer(kConfig0 + 2 * timer, kOneShot);
    WriteTimer(kCount0 + 2 * timer, 2000 + timer);
  }
  RunUntil(2100);
  std::array<bool, 4> seen{};
  for (int i = 0; i < 4; ++i) {
    const std::optional<Expiry> expiry = Take();
    ASSERT_TRUE(expiry.has_value());
    EXPECT_EQ(expiry->expiration, 2000 + expiry->timer);
    seen[expiry->timer] = true;
  }
  EXPECT_EQ(seen, (std::array<bool, 4>{true, true, true, true}));
  EXPECT_EQ(Take(), std::nullopt);
  EXPECT_EQ(interrupts_.pending(), 4u);
}

TEST_F(TimersOnSynicTest, PeriodicThatFindsItsOwnMessageUnreadCatchesUpAfterEom) {
  EnableSynic();
  WriteTimer(kConfig0, kPeriodic);
  WriteTimer(kCount0, 1000);
  RunUntil(2000);
  RunUntil(3000);  // The first message is still there
  RunUntil(4500);
  EXPECT_EQ(scheduler_.deadline(kVp), std::nullopt);
  EXPECT_EQ(Take(), (Expiry{0, 2000, 2000}));
  EXPECT_EQ(Take(), (Expiry{0, 3000, 4500}));
  RunUntil(5000);
  EXPECT_EQ(Take(), (Expiry{0, 4000, 5000}));
}

TEST_F(TimersOnSynicTest, TimerOfAMaskedSintIsStoredWithoutInterrupt) {
  EnableSynic();
  WriteSynic(kSint2, 0x10060);
  WriteTimer(kConfig0, kOneShot);
  WriteTimer(kCount0, 1);
  EXPECT_EQ(Take(), (Expiry{0, 1, 1000}));
  EXPECT_EQ(interrupts_.pending(), 0u);
}

}  // namespace
}  // namespace hvkit::hyperv
