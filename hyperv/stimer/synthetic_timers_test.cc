#include "hyperv/stimer/synthetic_timers.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <ostream>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/policy/policy.h"
#include "hyperv/synic/message_sink.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/synic.h"
#include "hyperv/tlfs/timer.h"
#include "testing/fakes/fake_interrupt_sink.h"
#include "testing/fakes/fake_reference_clock.h"
#include "testing/fakes/fake_vp_scheduler.h"

namespace hvkit::hyperv {
namespace {

constexpr VpIndex kVp(5);
constexpr uint64_t kEnable = 1 << 0;
constexpr uint64_t kPeriodic = 1 << 1;
constexpr uint64_t kLazy = 1 << 2;
constexpr uint64_t kAutoEnable = 1 << 3;
constexpr uint64_t kDirect = 1 << 12;
constexpr uint64_t Apic(uint64_t vector) { return vector << 4; }
constexpr uint64_t SintField(uint64_t sint) { return sint << 16; }
constexpr uint64_t kOneShot = kAutoEnable | SintField(2);
constexpr uint64_t kDirectOneShot = kAutoEnable | kDirect | Apic(0xED);
constexpr uint64_t kOnPeriodic = kEnable | kPeriodic | SintField(2);

constexpr uint32_t Config(uint32_t timer) { return 0x400000B0 + 2 * timer; }
constexpr uint32_t Count(uint32_t timer) { return 0x400000B1 + 2 * timer; }

// What a timer has sent: enough of a message to tell it from others.
struct Sent {
  uint32_t timer = 0;
  uint8_t sint = 0;
  uint64_t expiration = 0;
  uint64_t delivery = 0;

  friend bool operator==(const Sent&, const Sent&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Sent& sent) {
    return out << "timer " << sent.timer << " sint " << int{sent.sint} << " expired "
               << sent.expiration << " delivered " << sent.delivery;
  }
};

// Takes messages, or answers as the test says.
class FakeMessageSink : public MessageSink {
 public:
  Delivery Deliver(SintIndex sint, const tlfs::MessageHeader& header,
                   std::span<const std::byte> payload) override {
    ++attempts;
    if (answer != Delivery::kDelivered) return answer;
    tlfs::TimerMessagePayload timer;
    EXPECT_EQ(header.type, tlfs::MessageType::kTimerExpired);
    EXPECT_EQ(header.payload_size, sizeof(timer));
    EXPECT_EQ(header.origin, 0u);
    EXPECT_EQ(payload.size(), sizeof(timer));
    std::memcpy(&timer, payload.data(), sizeof(timer));
    EXPECT_EQ(timer.reserved, 0u);
    sent.push_back({timer.timer_index, sint.value(), timer.expiration_time, timer.delivery_time});
    return answer;
  }

  Delivery answer = Delivery::kDelivered;
  int attempts = 0;
  std::vector<Sent> sent;
};

// Counts its readings.
class CountingClock : public testing::FakeReferenceClock {
 public:
  RefTime Now() const override {
    ++readings;
    return FakeReferenceClock::Now();
  }
  mutable int readings = 0;
};

class SyntheticTimersTest : public ::testing::Test {
 protected:
  explicit SyntheticTimersTest(StimerPolicy policy = {.shortest_interval = 0})
      : timers_({.vp = kVp, .direct_mode = DirectMode::kOffered, .policy = policy}, clock_, sink_,
                interrupts_, scheduler_) {
    SetNow(1000);
  }

  void SetNow(uint64_t ticks) { clock_.Set(RefTime(ticks)); }
  // The host's part: time passes, and Poll comes when the deadline asked for has come.
  void RunUntil(uint64_t ticks) {
    SetNow(ticks);
    timers_.Poll(RefTime(ticks));
  }
  void Write(uint32_t index, uint64_t value) {
    EXPECT_EQ(timers_.WriteMsr(index, value), MsrOutcome::kHandled);
  }
  uint64_t Read(uint32_t index) { return timers_.ReadMsr(index).value; }
  bool IsEnabled(uint32_t timer) { return (Read(Config(timer)) & kEnable) != 0; }
  std::optional<uint64_t> Deadline() const {
    const std::optional<RefTime> deadline = scheduler_.deadline(kVp);
    EXPECT_EQ(deadline, timers_.NextDeadline());
    if (!deadline.has_value()) return std::nullopt;
    return deadline->ticks();
  }
  // How the sink tells that a slot is free.
  void FreeSlot(uint8_t sint) {
    sink_.answer = Delivery::kDelivered;
    timers_.OnSlotFree(*SintIndex::FromGuest(sint));
  }

  CountingClock clock_;
  testing::FakeInterruptSink interrupts_;
  testing::FakeVpScheduler scheduler_;
  FakeMessageSink sink_;
  SyntheticTimers timers_;
};

TEST_F(SyntheticTimersTest, RegistersStartAtZeroAndNothingIsDue) {
  for (uint32_t index = Config(0); index <= Count(3); ++index) {
    EXPECT_EQ(timers_.ReadMsr(index), MsrRead::Handled(0)) << index;
  }
  EXPECT_EQ(Deadline(), std::nullopt);
}

TEST_F(SyntheticTimersTest, OtherMsrsAreNotOurs) {
  for (const uint32_t index : {0x400000AFu, 0x400000B8u, 0u, 0xFFFFFFFFu}) {
    EXPECT_EQ(timers_.ReadMsr(index), MsrRead::NotOurs()) << index;
    EXPECT_EQ(timers_.WriteMsr(index, 0), MsrOutcome::kNotOurs) << index;
  }
}

TEST_F(SyntheticTimersTest, EachTimerHasItsOwnRegisters) {
  for (uint32_t timer = 0; timer < 4; ++timer) {
    Write(Config(timer), kLazy | SintField(timer + 1));
    Write(Count(timer), 100 + timer);
  }
  for (uint32_t timer = 0; timer < 4; ++timer) {
    EXPECT_EQ(Read(Config(timer)), kLazy | SintField(timer + 1));
    EXPECT_EQ(Read(Count(timer)), 100 + timer);
  }
}

// TLFS, Synthetic Timer Configuration Register: one write to a stopped timer with count 5000.
struct ConfigWrite {
  const char* name;
  uint64_t written;
  MsrOutcome outcome;
  uint64_t read_back;
};
class ConfigWriteTest : public SyntheticTimersTest,
                        public ::testing::WithParamInterface<ConfigWrite> {};

TEST_P(ConfigWriteTest, OutcomeAndRegister) {
  Write(Count(1), 5000);
  EXPECT_EQ(timers_.WriteMsr(Config(1), GetParam().written), GetParam().outcome);
  EXPECT_EQ(Read(Config(1)), GetParam().read_back);
  EXPECT_EQ(Deadline().has_value(), (GetParam().read_back & kEnable) != 0);
}

constexpr MsrOutcome kOk = MsrOutcome::kHandled;
constexpr MsrOutcome kFault = MsrOutcome::kGeneralProtection;
INSTANTIATE_TEST_SUITE_P(
    Tlfs, ConfigWriteTest,
    ::testing::Values(
        ConfigWrite{"OneShot", kEnable | SintField(2), kOk, kEnable | SintField(2)},
        ConfigWrite{"AllFields", 0xFFF | SintField(15), kOk, 0xFFF | SintField(15)},
        ConfigWrite{"NotEnabled", kAutoEnable | SintField(2), kOk, kAutoEnable | SintField(2)},
        ConfigWrite{"ReservedBit13", kEnable | SintField(2) | 1 << 13, kFault, 0},
        ConfigWrite{"ReservedBit15", kEnable | SintField(2) | 1 << 15, kFault, 0},
        ConfigWrite{"ReservedBit20", kEnable | SintField(2) | 1 << 20, kFault, 0},
        ConfigWrite{"ReservedBit63", kEnable | SintField(2) | uint64_t{1} << 63, kFault, 0},
        ConfigWrite{"DirectVector16", kEnable | kDirect | Apic(16), kOk,
                    kEnable | kDirect | Apic(16)},
        ConfigWrite{"DirectVector255", kEnable | kDirect | Apic(255), kOk,
                    kEnable | kDirect | Apic(255)},
        ConfigWrite{"DirectVector15", kEnable | kDirect | Apic(15), kFault, 0},
        ConfigWrite{"DirectVector0", kDirect, kFault, 0},
        ConfigWrite{"SintZeroOfDisabledTimer", kEnable, kOk, kEnable}),
    [](const auto& row) { return row.param.name; });

TEST_F(SyntheticTimersTest, RefusedConfigWriteLeavesTheTimerRunning) {
  Write(Config(0), kOneShot);
  Write(Count(0), 5000);
  EXPECT_EQ(timers_.WriteMsr(Config(0), uint64_t{1} << 40), MsrOutcome::kGeneralProtection);
  EXPECT_EQ(Read(Config(0)), kOneShot | kEnable);
  EXPECT_EQ(Deadline(), 5000u);
}

TEST_F(SyntheticTimersTest, SintZeroDisablesAnEnabledMessageTimer) {
  Write(Count(0), 5000);
  Write(Config(0), kEnable | SintField(2));
  Write(Config(0), kEnable);
  EXPECT_EQ(Read(Config(0)), 0u);
  EXPECT_EQ(Deadline(), std::nullopt);
}

TEST_F(SyntheticTimersTest, SintZeroOfAnEnabledDirectTimerKeepsItOn) {
  Write(Count(0), 5000);
  Write(Config(0), kEnable | kDirect | Apic(0x40));
  Write(Config(0), kEnable | kDirect | Apic(0x41));
  EXPECT_TRUE(IsEnabled(0));
}

TEST_F(SyntheticTimersTest, DirectModeFaultsWhereItIsNotOffered) {
  SyntheticTimers timers({.vp = kVp, .direct_mode = DirectMode::kAbsent, .policy = {}}, clock_,
                         sink_, interrupts_, scheduler_);
  EXPECT_EQ(timers.WriteMsr(Config(0), kDirect | Apic(0x40)), MsrOutcome::kGeneralProtection);
  EXPECT_EQ(timers.WriteMsr(Config(0), kOneShot), MsrOutcome::kHandled);
}

class StrictSintZeroTest : public SyntheticTimersTest {
 protected:
  StrictSintZeroTest() : SyntheticTimersTest({.sint_zero = StimerPolicy::SintZero::kDisables}) {}
};

TEST_F(StrictSintZeroTest, EnablingWithSintZeroLeavesTheTimerDisabled) {
  Write(Count(0), 5000);
  Write(Config(0), kEnable | kPeriodic);
  EXPECT_EQ(Read(Config(0)), kPeriodic);
}

TEST_F(SyntheticTimersTest, CountZeroDisablesWhateverAutoEnableSays) {
  Write(Config(0), kOneShot);
  Write(Count(0), 5000);
  EXPECT_TRUE(IsEnabled(0));
  Write(Count(0), 0);
  EXPECT_EQ(Read(Config(0)), kOneShot);
  EXPECT_EQ(Deadline(), std::nullopt);
}

TEST_F(SyntheticTimersTest, CountWithoutAutoEnableDoesNotStartTheTimer) {
  Write(Config(0), SintField(2));
  Write(Count(0), 5000);
  EXPECT_FALSE(IsEnabled(0));
  EXPECT_EQ(Deadline(), std::nullopt);
}

TEST_F(SyntheticTimersTest, CountOfAnEnabledTimerStartsItAnew) {
  Write(Count(0), 5000);
  Write(Config(0), kEnable | SintField(2));
  Write(Count(0), 7000);
  EXPECT_EQ(Deadline(), 7000u);
}

TEST_F(SyntheticTimersTest, EnabledTimerWithoutCountWaitsForOne) {
  Write(Config(0), kEnable | SintField(2));
  EXPECT_TRUE(IsEnabled(0));
  EXPECT_EQ(Deadline(), std::nullopt);
  Write(Count(0), 5000);
  EXPECT_EQ(Deadline(), 5000u);
}

TEST_F(SyntheticTimersTest, OneShotFiresOnceAtItsCountAndIsThenDisabled) {
  Write(Config(3), kOneShot);
  Write(Count(3), 5000);
  RunUntil(4999);
  EXPECT_TRUE(sink_.sent.empty());
  RunUntil(5000);
  EXPECT_EQ(sink_.sent, (std::vector<Sent>{{3, 2, 5000, 5000}}));
  EXPECT_EQ(Read(Config(3)), kOneShot);
  EXPECT_EQ(Deadline(), std::nullopt);
  RunUntil(6000);
  EXPECT_EQ(sink_.sent.size(), 1u);
}

TEST_F(SyntheticTimersTest, LateOneShotTellsBothTimes) {
  Write(Config(0), kOneShot);
  Write(Count(0), 5000);
  RunUntil(5777);
  EXPECT_EQ(sink_.sent, (std::vector<Sent>{{0, 2, 5000, 5777}}));
}

TEST_F(SyntheticTimersTest, OneShotInThePastFiresWithinTheWrite) {
  Write(Config(0), kOneShot);
  Write(Count(0), 1);
  EXPECT_EQ(sink_.sent, (std::vector<Sent>{{0, 2, 1, 1000}}));
  EXPECT_FALSE(IsEnabled(0));
  EXPECT_EQ(Deadline(), std::nullopt);
}

TEST_F(SyntheticTimersTest, OneShotInThePastFiresWithinTheEnablingWrite) {
  Write(Count(0), 1000);
  EXPECT_TRUE(sink_.sent.empty());
  Write(Config(0), kEnable | SintField(3));
  EXPECT_EQ(sink_.sent, (std::vector<Sent>{{0, 3, 1000, 1000}}));
}

TEST_F(SyntheticTimersTest, OneShotCanBeArmedAgain) {
  Write(Config(0), kOneShot);
  Write(Count(0), 2000);
  RunUntil(2000);
  Write(Count(0), 3000);
  RunUntil(3000);
  EXPECT_EQ(sink_.sent, (std::vector<Sent>{{0, 2, 2000, 2000}, {0, 2, 3000, 3000}}));
}

TEST_F(SyntheticTimersTest, FirstPeriodBeginsWhenTheTimerIsEnabled) {
  Write(Count(0), 100);
  SetNow(1500);
  Write(Config(0), kOnPeriodic);
  EXPECT_EQ(Deadline(), 1600u);
  RunUntil(1600);
  EXPECT_EQ(sink_.sent, (std::vector<Sent>{{0, 2, 1600, 1600}}));
  EXPECT_TRUE(IsEnabled(0));
  EXPECT_EQ(Deadline(), 1700u);
}

TEST_F(SyntheticTimersTest, AutoEnabledPeriodBeginsWithTheCount) {
  Write(Config(0), kAutoEnable | kPeriodic | SintField(2));
  SetNow(1234);
  Write(Count(0), 100);
  EXPECT_EQ(Deadline(), 1334u);
}

TEST_F(SyntheticTimersTest, PeriodicDoesNotDriftOverManyLatePolls) {
  constexpr uint64_t kPeriod = 9973;
  constexpr uint64_t kPeriods = 100'000;
  Write(Count(0), kPeriod);
  Write(Config(0), kOnPeriodic);
  for (uint64_t period = 1; period <= kPeriods; ++period) {
    RunUntil(*Deadline() + period % 1000);
  }
  ASSERT_EQ(sink_.sent.size(), kPeriods);
  for (uint64_t period = 1; period <= kPeriods; ++period) {
    ASSERT_EQ(sink_.sent[period - 1].expiration, 1000 + period * kPeriod);
  }
}

TEST_F(SyntheticTimersTest, DisabledPeriodicStops) {
  Write(Count(0), 100);
  Write(Config(0), kOnPeriodic);
  Write(Config(0), kPeriodic | SintField(2));
  EXPECT_EQ(Deadline(), std::nullopt);
  RunUntil(5000);
  EXPECT_TRUE(sink_.sent.empty());
}

// The TLFS's first technique: missed periods are made up for in shortened ones.
TEST_F(SyntheticTimersTest, MissedPeriodsAreMadeUpForInHalfPeriods) {
  Write(Count(0), 100);
  Write(Config(0), kOnPeriodic);  // 1100, 1200, ...
  RunUntil(1310);
  EXPECT_EQ(Deadline(), 1360u);
  RunUntil(1360);
  EXPECT_EQ(Deadline(), 1410u);
  RunUntil(1410);
  EXPECT_EQ(Deadline(), 1460u);
  RunUntil(1460);
  EXPECT_EQ(Deadline(), 1500u);
  EXPECT_EQ(sink_.sent,
            (std::vector<Sent>{
                {0, 2, 1100, 1310}, {0, 2, 1200, 1360}, {0, 2, 1300, 1410}, {0, 2, 1400, 1460}}));
}

TEST_F(SyntheticTimersTest, PeriodsTooFarBehindAreSkippedAndTheScheduleStays) {
  Write(Count(0), 100);
  Write(Config(0), kOnPeriodic);
  RunUntil(3'050);  // 19 late; the last three missed ones are kept
  EXPECT_EQ(sink_.sent, (std::vector<Sent>{{0, 2, 2700, 3050}}));
  for (int i = 0; i < 10; ++i) RunUntil(*Deadline());
  EXPECT_EQ(sink_.sent.back().expiration, sink_.sent.back().delivery);
  EXPECT_EQ(sink_.sent.back().expiration % 100, 0u);
}

// The second technique, for lazy timers: one deferred signal.
TEST_F(SyntheticTimersTest, LazyTimerSignalsOnceForAllMissedPeriods) {
  Write(Count(0), 100);
  Write(Config(0), kOnPeriodic | kLazy);
  RunUntil(1330);
  EXPECT_EQ(sink_.sent, (std::vector<Sent>{{0, 2, 1300, 1330}}));
  EXPECT_EQ(Deadline(), 1400u);
}

TEST_F(SyntheticTimersTest, LazySignalShortlyBeforeTheNextIsSkipped) {
  Write(Count(0), 100);
  Write(Config(0), kOnPeriodic | kLazy);
  RunUntil(1195);
  EXPECT_TRUE(sink_.sent.empty());
  EXPECT_EQ(Deadline(), 1200u);
  RunUntil(1200);
  EXPECT_EQ(sink_.sent, (std::vector<Sent>{{0, 2, 1200, 1200}}));
}

TEST_F(SyntheticTimersTest, LazyTimerOfAHostThatIsAlwaysLateIsNotSilenced) {
  Write(Count(0), 100);
  Write(Config(0), kOnPeriodic | kLazy);
  for (int i = 0; i < 10; ++i) RunUntil(*Deadline() + 95);
  EXPECT_EQ(sink_.sent.size(), 5u);
}

TEST_F(SyntheticTimersTest, TimersOfTheShortestAndTheLongestPeriodWork) {
  Write(Count(0), 1);
  Write(Config(0), kOnPeriodic);
  Write(Count(1), std::numeric_limits<uint64_t>::max());
  Write(Config(1), kOnPeriodic);
  RunUntil(1001);
  EXPECT_EQ(sink_.sent, (std::vector<Sent>{{0, 2, 1001, 1001}}));
  EXPECT_EQ(Deadline(), 1002u);
  RunUntil(1'000'000);
  EXPECT_EQ(sink_.sent.size(), 2u);
}

class ShortestIntervalTest : public SyntheticTimersTest {
 protected:
  ShortestIntervalTest() : SyntheticTimersTest({.shortest_interval = 1000}) {}
};

TEST_F(ShortestIntervalTest, ShorterPeriodLeavesTheGuestTimeToRun) {
  Write(Count(0), 1);
  Write(Config(0), kOnPeriodic);
  EXPECT_EQ(Deadline(), 1001u);
  RunUntil(1001);
  EXPECT_EQ(Deadline(), 2001u);
  RunUntil(2001);
  EXPECT_EQ(Deadline(), 3001u);
  EXPECT_EQ(sink_.sent.size(), 2u);
}

TEST_F(ShortestIntervalTest, LongerPeriodComesWhenItIsDue) {
  Write(Count(0), 1500);
  Write(Config(0), kOnPeriodic);
  RunUntil(2500);
  EXPECT_EQ(Deadline(), 4000u);
}

TEST_F(SyntheticTimersTest, DirectTimerRequestsItsVectorAndSendsNoMessage) {
  Write(Config(0), kDirectOneShot);
  Write(Count(0), 2000);
  RunUntil(2000);
  EXPECT_EQ(interrupts_.Take(),
            (std::vector<testing::InterruptRequest>{{kVp, Vector(0xED), EoiMode::kNormal}}));
  EXPECT_EQ(sink_.attempts, 0);
  EXPECT_FALSE(IsEnabled(0));
}

TEST_F(SyntheticTimersTest, DirectPeriodicRequestsItsVectorEachPeriod) {
  Write(Count(0), 100);
  Write(Config(0), kEnable | kPeriodic | kDirect | Apic(0x31));
  for (uint64_t now = 1100; now <= 1500; now += 100) RunUntil(now);
  EXPECT_EQ(interrupts_.pending(), 5u);
}

// A busy slot, or a SynIC that is off: one-shot and periodic timers wait alike.
class WaitingTest : public SyntheticTimersTest, public ::testing::WithParamInterface<Delivery> {
 protected:
  WaitingTest() { sink_.answer = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Tlfs, WaitingTest, ::testing::Values(Delivery::kSlotBusy, Delivery::kOff),
                         [](const auto& row) {
                           return row.param == Delivery::kOff ? "SynicOff" : "SlotBusy";
                         });

TEST_P(WaitingTest, OneShotStaysEnabledWithoutADeadlineAndComesLater) {
  Write(Config(0), kOneShot);
  Write(Count(0), 2000);
  RunUntil(2000);
  EXPECT_TRUE(IsEnabled(0));
  EXPECT_EQ(Deadline(), std::nullopt);
  RunUntil(9000);
  EXPECT_EQ(sink_.attempts, 1);
  FreeSlot(2);
  EXPECT_EQ(sink_.sent, (std::vector<Sent>{{0, 2, 2000, 9000}}));
  EXPECT_FALSE(IsEnabled(0));
}

TEST_P(WaitingTest, PeriodicGoesOnWithItsScheduleAfterwards) {
  Write(Count(0), 100);
  Write(Config(0), kOnPeriodic);
  RunUntil(1100);
  EXPECT_EQ(Deadline(), std::nullopt);
  SetNow(1130);
  FreeSlot(2);
  EXPECT_EQ(sink_.sent, (std::vector<Sent>{{0, 2, 1100, 1130}}));
  EXPECT_EQ(Deadline(), 1200u);
}

TEST_P(WaitingTest, FreeSlotOfAnotherSintIsNoBusinessOfTheTimer) {
  Write(Config(0), kOneShot);
  Write(Count(0), 1);
  FreeSlot(3);
  EXPECT_EQ(sink_.attempts, 1);
  EXPECT_TRUE(sink_.sent.empty());
}

TEST_P(WaitingTest, CountDropsTheUndeliveredMessage) {
  Write(Config(0), kOneShot);
  Write(Count(0), 1);
  Write(Count(0), 5000);
  FreeSlot(2);
  EXPECT_TRUE(sink_.sent.empty());
  EXPECT_EQ(Deadline(), 5000u);
}

TEST_P(WaitingTest, DisablingDropsTheUndeliveredMessage) {
  Write(Config(0), kOneShot);
  Write(Count(0), 1);
  Write(Config(0), 0);
  FreeSlot(2);
  EXPECT_TRUE(sink_.sent.empty());
}

TEST_P(WaitingTest, TimersThatWaitForOneSlotAllTryAgain) {
  for (uint32_t timer = 0; timer < 4; ++timer) {
    Write(Config(timer), kOneShot);
    Write(Count(timer), 1 + timer);
  }
  FreeSlot(2);
  EXPECT_EQ(sink_.sent.size(), 4u);
}

TEST_F(SyntheticTimersTest, ClockBehindPollIsNoReasonToSkip) {
  sink_.answer = Delivery::kSlotBusy;
  Write(Count(0), 100);
  Write(Config(0), kOnPeriodic);
  timers_.Poll(RefTime(1100));
  SetNow(1090);
  FreeSlot(2);
  EXPECT_EQ(sink_.sent, (std::vector<Sent>{{0, 2, 1100, 1100}}));
}

TEST_F(SyntheticTimersTest, DeadlineIsTheEarliestOfFourAndIsSetOnlyWhenItChanges) {
  for (uint32_t timer = 0; timer < 4; ++timer) {
    Write(Config(timer), kOneShot);
    Write(Count(timer), 5000 + 1000 * timer);
  }
  EXPECT_EQ(Deadline(), 5000u);
  EXPECT_EQ(scheduler_.deadlines_set(kVp), 1);
  RunUntil(5000);
  EXPECT_EQ(Deadline(), 6000u);
  Write(Count(3), 2000'000);
  EXPECT_EQ(scheduler_.deadlines_set(kVp), 2);
}

TEST_F(SyntheticTimersTest, AllTimersDueFireInOnePoll) {
  for (uint32_t timer = 0; timer < 4; ++timer) {
    Write(Config(timer), kAutoEnable | SintField(timer + 1));
    Write(Count(timer), 2000 + timer);
  }
  RunUntil(2003);
  EXPECT_EQ(sink_.sent,
            (std::vector<Sent>{
                {0, 1, 2000, 2003}, {1, 2, 2001, 2003}, {2, 3, 2002, 2003}, {3, 4, 2003, 2003}}));
}

TEST_F(SyntheticTimersTest, PollBeforeTheDeadlineAsksNobody) {
  Write(Config(0), kOneShot);
  Write(Count(0), 5000);
  const int readings = clock_.readings;
  for (uint64_t now = 1000; now < 5000; ++now) timers_.Poll(RefTime(now));
  EXPECT_EQ(clock_.readings, readings);
  EXPECT_EQ(scheduler_.deadlines_set(kVp), 1);
  EXPECT_EQ(sink_.attempts, 0);
}

TEST_F(SyntheticTimersTest, ResetStopsAllAndClearsTheRegisters) {
  Write(Config(0), kOneShot);
  Write(Count(0), 5000);
  sink_.answer = Delivery::kSlotBusy;
  Write(Config(1), kOneShot);
  Write(Count(1), 1);
  timers_.Reset();
  for (uint32_t index = Config(0); index <= Count(3); ++index) EXPECT_EQ(Read(index), 0u);
  EXPECT_EQ(Deadline(), std::nullopt);
  FreeSlot(2);
  EXPECT_TRUE(sink_.sent.empty());
}

}  // namespace
}  // namespace hvkit::hyperv
