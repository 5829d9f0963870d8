#include "hyperv/synic/synic.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/policy/policy.h"
#include "hyperv/synic/message_port.h"
#include "hyperv/synic/message_sink.h"
#include "hyperv/synic/test_guest.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/synic.h"
#include "testing/fakes/fake_interrupt_sink.h"
#include "testing/fakes/fake_vp_scheduler.h"

namespace hvkit::hyperv {
namespace {

constexpr VpIndex kVp(3);
constexpr uint32_t kScontrol = 0x40000080;
constexpr uint32_t kSversion = 0x40000081;
constexpr uint32_t kSiefp = 0x40000082;
constexpr uint32_t kSimp = 0x40000083;
constexpr uint32_t kEom = 0x40000084;
constexpr uint32_t kSint0 = 0x40000090;
constexpr uint64_t kMasked = 1 << 16;
constexpr uint64_t kAutoEoi = 1 << 17;
constexpr uint64_t kPolling = 1 << 18;
constexpr uint64_t kVector = 0x52;
constexpr SintIndex kSint = SintIndex::Of<2>();
constexpr SintIndex kOther = SintIndex::Of<9>();
constexpr tlfs::MessageType kType{1};

class SynicTest : public ::testing::Test {
 protected:
  explicit SynicTest(SynicPolicy policy = {}, SintPolling polling = SintPolling::kOffered)
      : synic_({.vp = kVp, .polling = polling, .policy = policy}, overlays_, interrupts_,
               scheduler_) {}

  void Write(uint32_t index, uint64_t value) {
    EXPECT_EQ(synic_.WriteMsr(index, value), MsrOutcome::kHandled);
  }
  uint64_t Read(uint32_t index) { return synic_.ReadMsr(index).value; }
  void WriteSint(SintIndex sint, uint64_t value) { Write(kSint0 + sint.value(), value); }
  void EnablePages() {
    Write(kSimp, TestGuest::kSimpPage | 1);
    Write(kSiefp, TestGuest::kSiefpPage | 1);
    WriteSint(kSint, kVector);
    WriteSint(kOther, kVector + 1);
  }
  // Posts a message whose payload is one number.
  PostResult Post(MessagePort& port, uint64_t number) {
    return port.Post(kType, std::as_bytes(std::span(&number, 1)));
  }
  PostResult PostFromVp(MessagePort& port, uint64_t number) {
    return port.PostFromVp(kType, std::as_bytes(std::span(&number, 1)));
  }
  // The guest takes a message: its number, or nothing; EOM if asked for.
  std::optional<uint64_t> Take(SintIndex sint) {
    if (guest_.Type(sint) == 0) return std::nullopt;
    const uint64_t number = guest_.Payload(sint, 0);
    if (guest_.Free(sint)) Write(kEom, 0);
    return number;
  }
  std::vector<uint64_t> TakeAll(SintIndex sint) {
    std::vector<uint64_t> numbers;
    while (const std::optional<uint64_t> number = Take(sint)) numbers.push_back(*number);
    return numbers;
  }
  // The requests so far.
  const std::vector<testing::InterruptRequest>& Requests() {
    for (const testing::InterruptRequest& request : interrupts_.Take())
      requests_.push_back(request);
    return requests_;
  }
  size_t Interrupts() { return Requests().size(); }

  TestGuest guest_;
  OverlayMap overlays_{guest_.memory()};
  testing::FakeInterruptSink interrupts_;
  testing::FakeVpScheduler scheduler_;
  Synic synic_;
  std::vector<testing::InterruptRequest> requests_;
};

TEST_F(SynicTest, RegistersHaveTheirResetValues) {
  EXPECT_EQ(Read(kScontrol), 1u);
  EXPECT_EQ(Read(kSversion), 1u);
  EXPECT_EQ(Read(kSiefp), 0u);
  EXPECT_EQ(Read(kSimp), 0u);
  EXPECT_EQ(Read(kEom), 0u);
  for (uint32_t sint = 0; sint < 16; ++sint) EXPECT_EQ(Read(kSint0 + sint), kMasked);
}

class TlfsScontrolTest : public SynicTest {
 protected:
  TlfsScontrolTest() : SynicTest({.scontrol_reset = 0}) {}
};

TEST_F(TlfsScontrolTest, ScontrolResetsToWhatThePolicySays) {
  EXPECT_EQ(Read(kScontrol), 0u);
  Write(kScontrol, 1);
  synic_.Reset();
  EXPECT_EQ(Read(kScontrol), 0u);
}

TEST_F(SynicTest, OtherMsrsAreNotOurs) {
  for (const uint32_t index : {0x4000007Fu, 0x40000085u, 0x4000008Fu, 0x400000A0u, 0u, ~0u}) {
    EXPECT_EQ(synic_.ReadMsr(index), MsrRead::NotOurs()) << index;
    EXPECT_EQ(synic_.WriteMsr(index, 0), MsrOutcome::kNotOurs) << index;
  }
}

// One write, and what a read gives afterwards.
struct RegisterWrite {
  const char* name;
  uint32_t index;
  uint64_t written;
  MsrOutcome outcome;
  uint64_t read_back;
};
class RegisterWriteTest : public SynicTest, public ::testing::WithParamInterface<RegisterWrite> {};

TEST_P(RegisterWriteTest, OutcomeAndRegister) {
  EXPECT_EQ(synic_.WriteMsr(GetParam().index, GetParam().written), GetParam().outcome);
  EXPECT_EQ(Read(GetParam().index), GetParam().read_back);
}

constexpr MsrOutcome kOk = MsrOutcome::kHandled;
constexpr MsrOutcome kFault = MsrOutcome::kGeneralProtection;
constexpr uint64_t kSintPreserved = 0xFFFF'FFFF'FFF8'FF00;
INSTANTIATE_TEST_SUITE_P(
    Tlfs, RegisterWriteTest,
    ::testing::Values(RegisterWrite{"ScontrolKeepsReservedBits", kScontrol, ~0ull, kOk, ~0ull},
                      RegisterWrite{"SversionIsReadOnly", kSversion, 1, kFault, 1},
                      RegisterWrite{"SiefpKeepsReservedBits", kSiefp, 0x11FFE, kOk, 0x11FFE},
                      RegisterWrite{"SimpKeepsReservedBits", kSimp, 0x10FFF, kOk, 0x10FFF},
                      RegisterWrite{"SimpBeyondRamIsKept", kSimp, 0xFFFF'FFFF'FFFF'F001, kOk,
                                    0xFFFF'FFFF'FFFF'F001},
                      RegisterWrite{"EomReadsZero", kEom, ~0ull, kOk, 0},
                      RegisterWrite{"SintLowestVector", kSint0, 16, kOk, 16},
                      RegisterWrite{"SintHighestVector", kSint0 + 15, 255, kOk, 255},
                      RegisterWrite{"SintVector15", kSint0 + 2, 15, kFault, kMasked},
                      RegisterWrite{"SintVector0", kSint0 + 2, 0, kFault, kMasked},
                      RegisterWrite{"SintVector0Polled", kSint0 + 2, kPolling, kFault, kMasked},
                      RegisterWrite{"MaskedSintAnyVector", kSint0 + 2, kMasked | 3, kOk,
                                    kMasked | 3},
                      RegisterWrite{"SintAllModes", kSint0 + 7, kAutoEoi | kPolling | 0x80, kOk,
                                    kAutoEoi | kPolling | 0x80},
                      RegisterWrite{"SintKeepsReservedBits", kSint0 + 7, kSintPreserved | 0x80, kOk,
                                    kSintPreserved | 0x80}),
    [](const auto& row) { return row.param.name; });

class StrictVectorTest : public SynicTest {
 protected:
  StrictVectorTest() : SynicTest({.vector_check = SynicPolicy::VectorCheck::kAlways}) {}
};

TEST_F(StrictVectorTest, MaskedSintWithInvalidVectorFaults) {
  EXPECT_EQ(synic_.WriteMsr(kSint0, kMasked), MsrOutcome::kGeneralProtection);
  EXPECT_EQ(synic_.WriteMsr(kSint0, kMasked | 16), MsrOutcome::kHandled);
}

TEST_F(SynicTest, MessageGoesToItsSlotAndItsInterruptIsRequested) {
  EnablePages();
  MessagePort port(synic_, kSint, 0x77);
  EXPECT_EQ(PostFromVp(port, 42), PostResult::kPosted);
  EXPECT_EQ(guest_.Type(kSint), 1u);
  EXPECT_EQ(guest_.Size(kSint), 8);
  EXPECT_EQ(guest_.Origin(kSint), 0x77u);
  EXPECT_EQ(guest_.Payload(kSint, 0), 42u);
  EXPECT_FALSE(guest_.IsPending(kSint));
  EXPECT_EQ(Requests(),
            (std::vector<testing::InterruptRequest>{{kVp, Vector(kVector), EoiMode::kNormal}}));
}

TEST_F(SynicTest, AutoEoiSintAsksForIt) {
  EnablePages();
  WriteSint(kSint, kAutoEoi | kVector);
  MessagePort port(synic_, kSint, 0);
  EXPECT_EQ(PostFromVp(port, 1), PostResult::kPosted);
  ASSERT_EQ(Interrupts(), 1u);
  EXPECT_EQ(Requests()[0].eoi, EoiMode::kAuto);
}

TEST_F(SynicTest, MaskedSintStoresTheMessageWithoutInterrupt) {
  EnablePages();
  WriteSint(kSint, kMasked | kVector);
  MessagePort port(synic_, kSint, 0);
  EXPECT_EQ(PostFromVp(port, 1), PostResult::kPosted);
  EXPECT_EQ(guest_.Payload(kSint, 0), 1u);
  EXPECT_EQ(Interrupts(), 0u);
}

TEST_F(SynicTest, PolledSintStoresTheMessageWithoutInterrupt) {
  EnablePages();
  WriteSint(kSint, kPolling | kVector);
  MessagePort port(synic_, kSint, 0);
  EXPECT_EQ(PostFromVp(port, 1), PostResult::kPosted);
  EXPECT_EQ(guest_.Payload(kSint, 0), 1u);
  EXPECT_EQ(Interrupts(), 0u);
}

class NoPollingTest : public SynicTest {
 protected:
  NoPollingTest() : SynicTest({}, SintPolling::kAbsent) {}
};

TEST_F(NoPollingTest, PollingBitMeansNothingWhereItIsNotOffered) {
  EnablePages();
  WriteSint(kSint, kPolling | kVector);
  MessagePort port(synic_, kSint, 0);
  EXPECT_EQ(PostFromVp(port, 1), PostResult::kPosted);
  EXPECT_EQ(Interrupts(), 1u);
}

TEST_F(SynicTest, PostFromAnotherThreadKicksAndArrivesWithPoll) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  EXPECT_EQ(Post(port, 42), PostResult::kPosted);
  EXPECT_EQ(scheduler_.kicks(kVp), 1);
  EXPECT_EQ(guest_.Type(kSint), 0u);
  synic_.Poll();
  EXPECT_EQ(guest_.Payload(kSint, 0), 42u);
  EXPECT_EQ(Interrupts(), 1u);
  synic_.Poll();
  EXPECT_EQ(Interrupts(), 1u);
}

TEST_F(SynicTest, InvalidMessagesAreRefused) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  const std::array<std::byte, 241> payload{};
  EXPECT_EQ(port.Post(tlfs::MessageType::kNone, {}), PostResult::kInvalidMessage);
  EXPECT_EQ(port.PostFromVp(tlfs::MessageType::kNone, {}), PostResult::kInvalidMessage);
  EXPECT_EQ(port.Post(kType, payload), PostResult::kInvalidMessage);
  EXPECT_EQ(port.PostFromVp(kType, payload), PostResult::kInvalidMessage);
  EXPECT_EQ(port.PostFromVp(kType, std::span(payload).first(240)), PostResult::kPosted);
  EXPECT_EQ(guest_.Size(kSint), 240);
}

TEST_F(SynicTest, DisabledSynicOrPageRefusesMessagesAndEvents) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  for (const uint32_t index : {kScontrol, kSimp}) {
    const uint64_t before = Read(index);
    Write(index, 0);
    EXPECT_EQ(Post(port, 1), PostResult::kSynicOff);
    EXPECT_EQ(PostFromVp(port, 1), PostResult::kSynicOff);
    Write(index, before);
  }
  for (const uint32_t index : {kScontrol, kSiefp}) {
    const uint64_t before = Read(index);
    Write(index, 0);
    EXPECT_EQ(synic_.SignalEvent(kSint, 0), SignalResult::kSynicOff);
    Write(index, before);
  }
  EXPECT_EQ(scheduler_.kicks(kVp), 0);
}

TEST_F(SynicTest, SecondMessageWaitsForEomAndTheFirstSaysSo) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  EXPECT_EQ(PostFromVp(port, 1), PostResult::kPosted);
  EXPECT_EQ(PostFromVp(port, 2), PostResult::kPosted);
  EXPECT_EQ(guest_.Payload(kSint, 0), 1u);
  EXPECT_TRUE(guest_.IsPending(kSint));
  EXPECT_EQ(Interrupts(), 1u);
  EXPECT_TRUE(guest_.Free(kSint));
  Write(kEom, 0);
  EXPECT_EQ(guest_.Payload(kSint, 0), 2u);
  EXPECT_FALSE(guest_.IsPending(kSint));
  EXPECT_EQ(Interrupts(), 2u);
}

TEST_F(SynicTest, EomWithTheSlotStillFullChangesNothing) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  EXPECT_EQ(PostFromVp(port, 1), PostResult::kPosted);
  EXPECT_EQ(PostFromVp(port, 2), PostResult::kPosted);
  Write(kEom, 0);
  EXPECT_EQ(TakeAll(kSint), (std::vector<uint64_t>{1, 2}));
}

TEST_F(SynicTest, MessagesArriveInOrderFromBothKindsOfPost) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  EXPECT_EQ(PostFromVp(port, 1), PostResult::kPosted);
  EXPECT_EQ(Post(port, 2), PostResult::kPosted);
  EXPECT_EQ(PostFromVp(port, 3), PostResult::kPosted);
  synic_.Poll();
  EXPECT_EQ(TakeAll(kSint), (std::vector<uint64_t>{1, 2, 3}));
}

TEST_F(SynicTest, AnotherPostDeliversTheFirstIfTheSlotHasBecomeFree) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  EXPECT_EQ(PostFromVp(port, 1), PostResult::kPosted);
  EXPECT_EQ(PostFromVp(port, 2), PostResult::kPosted);
  EXPECT_TRUE(guest_.Free(kSint));  // and no EOM
  EXPECT_EQ(PostFromVp(port, 3), PostResult::kPosted);
  EXPECT_EQ(TakeAll(kSint), (std::vector<uint64_t>{2, 3}));
}

TEST_F(SynicTest, BusySlotOfOneSintDoesNotHoldUpAnother) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  MessagePort other(synic_, kOther, 0);
  EXPECT_EQ(PostFromVp(port, 1), PostResult::kPosted);
  EXPECT_EQ(PostFromVp(port, 2), PostResult::kPosted);
  EXPECT_EQ(PostFromVp(other, 3), PostResult::kPosted);
  EXPECT_EQ(guest_.Payload(kOther, 0), 3u);
  EXPECT_FALSE(guest_.IsPending(kOther));
}

TEST_F(SynicTest, QueueIsBoundedByThePortsBuffers) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  MessagePort other(synic_, kSint, 0);
  EXPECT_EQ(PostFromVp(port, 0), PostResult::kPosted);  // In the slot
  for (uint64_t i = 1; i <= MessagePool::kBuffers; ++i) {
    EXPECT_EQ(i % 2 == 0 ? Post(port, i) : PostFromVp(port, i), PostResult::kPosted);
  }
  EXPECT_EQ(Post(port, 99), PostResult::kNoBuffers);
  EXPECT_EQ(PostFromVp(port, 99), PostResult::kNoBuffers);
  EXPECT_EQ(PostFromVp(other, 17), PostResult::kPosted);
  EXPECT_EQ(TakeAll(kSint).size(), 18u);
  EXPECT_EQ(Post(port, 100), PostResult::kPosted);
}

TEST_F(SynicTest, DeletedPortTakesItsQueuedMessagesWithIt) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  {
    MessagePort deleted(synic_, kSint, 0);
    EXPECT_EQ(PostFromVp(port, 1), PostResult::kPosted);
    EXPECT_EQ(PostFromVp(deleted, 2), PostResult::kPosted);
    EXPECT_EQ(PostFromVp(port, 3), PostResult::kPosted);
  }
  EXPECT_EQ(TakeAll(kSint), (std::vector<uint64_t>{1, 3}));
}

TEST_F(SynicTest, LastPortOfAQueueCanBeDeleted) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  EXPECT_EQ(PostFromVp(port, 1), PostResult::kPosted);
  {
    MessagePort deleted(synic_, kSint, 0);
    EXPECT_EQ(Post(deleted, 2), PostResult::kPosted);
  }
  synic_.Poll();
  EXPECT_EQ(TakeAll(kSint), (std::vector<uint64_t>{1}));
  EXPECT_EQ(PostFromVp(port, 3), PostResult::kPosted);
  EXPECT_EQ(TakeAll(kSint), (std::vector<uint64_t>{3}));
}

TEST_F(SynicTest, QueuedMessagesSurviveDisablingAndArriveOnEnabling) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  EXPECT_EQ(PostFromVp(port, 1), PostResult::kPosted);
  EXPECT_EQ(PostFromVp(port, 2), PostResult::kPosted);
  guest_.Free(kSint);
  Write(kScontrol, 0);
  Write(kEom, 0);
  EXPECT_EQ(guest_.Type(kSint), 0u);
  Write(kScontrol, 1);
  EXPECT_EQ(TakeAll(kSint), (std::vector<uint64_t>{2}));
}

TEST_F(SynicTest, MessagePostedJustBeforeSimpGoesIsDeliveredWhenItComesBack) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  EXPECT_EQ(Post(port, 1), PostResult::kPosted);
  Write(kSimp, 0);
  synic_.Poll();
  EXPECT_EQ(Interrupts(), 0u);
  Write(kSimp, TestGuest::kSimpPage | 1);
  EXPECT_EQ(TakeAll(kSint), (std::vector<uint64_t>{1}));
}

TEST_F(SynicTest, EoiOfTheSintsVectorIsAnOccasionToDeliver) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  EXPECT_EQ(PostFromVp(port, 1), PostResult::kPosted);
  EXPECT_EQ(PostFromVp(port, 2), PostResult::kPosted);
  EXPECT_TRUE(guest_.Free(kSint));
  synic_.OnEoi(Vector(kVector + 1));
  EXPECT_EQ(guest_.Type(kSint), 0u);
  synic_.OnEoi(Vector(kVector));
  EXPECT_EQ(guest_.Payload(kSint, 0), 2u);
}

TEST_F(SynicTest, PagesGiveBackWhatTheGuestHadBelow) {
  const uint64_t before = 0x1234;
  ASSERT_EQ(guest_.memory().Write(Gpa(TestGuest::kSimpPage), std::as_bytes(std::span(&before, 1))),
            MemFault::kNone);
  EnablePages();
  EXPECT_EQ(guest_.Type(kSint), 0u);
  uint64_t now = 0;
  Write(kSimp, 0);
  ASSERT_EQ(
      guest_.memory().Read(Gpa(TestGuest::kSimpPage), std::as_writable_bytes(std::span(&now, 1))),
      MemFault::kNone);
  EXPECT_EQ(now, before);
}

TEST_F(SynicTest, EventFlagIsSetAndItsInterruptRequestedOnlyWhenItWasClear) {
  EnablePages();
  EXPECT_EQ(synic_.SignalEvent(kSint, 70), SignalResult::kNewlySet);
  EXPECT_EQ(guest_.Flags(kSint, 1), uint64_t{1} << 6);
  EXPECT_EQ(synic_.SignalEvent(kSint, 70), SignalResult::kAlreadySet);
  EXPECT_EQ(Interrupts(), 1u);
  EXPECT_EQ(guest_.TakeFlags(kSint, 1), uint64_t{1} << 6);
  EXPECT_EQ(synic_.SignalEvent(kSint, 70), SignalResult::kNewlySet);
  EXPECT_EQ(Interrupts(), 2u);
  EXPECT_EQ(Requests()[1].vector, Vector(kVector));
}

TEST_F(SynicTest, FirstAndLastEventFlagsHaveTheirBits) {
  EnablePages();
  EXPECT_EQ(synic_.SignalEvent(kSint, 0), SignalResult::kNewlySet);
  EXPECT_EQ(synic_.SignalEvent(kSint, 2047), SignalResult::kNewlySet);
  EXPECT_EQ(guest_.Flags(kSint, 0), 1u);
  EXPECT_EQ(guest_.Flags(kSint, 31), uint64_t{1} << 63);
  EXPECT_EQ(guest_.Flags(SintIndex::Of<3>(), 0), 0u);
  EXPECT_EQ(synic_.SignalEvent(kSint, 2048), SignalResult::kInvalidFlag);
  EXPECT_EQ(synic_.SignalEvent(kSint, ~0u), SignalResult::kInvalidFlag);
}

TEST_F(SynicTest, EventOfAMaskedSintIsRefused) {
  EnablePages();
  WriteSint(kSint, kMasked | kVector);
  EXPECT_EQ(synic_.SignalEvent(kSint, 1), SignalResult::kSintMasked);
  EXPECT_EQ(guest_.Flags(kSint, 0), 0u);
}

TEST_F(SynicTest, EventOfAPolledSintIsSetWithoutInterruptEvenIfMasked) {
  EnablePages();
  WriteSint(kSint, kPolling | kMasked | kVector);
  EXPECT_EQ(synic_.SignalEvent(kSint, 1), SignalResult::kNewlySet);
  EXPECT_EQ(guest_.Flags(kSint, 0), 2u);
  EXPECT_EQ(Interrupts(), 0u);
}

class KvmMaskedSignalTest : public SynicTest {
 protected:
  KvmMaskedSignalTest() : SynicTest({.masked_signal = SynicPolicy::MaskedSignal::kSetFlag}) {}
};

TEST_F(KvmMaskedSignalTest, EventOfAMaskedSintIsSetWithoutInterrupt) {
  EnablePages();
  WriteSint(kSint, kMasked | kVector);
  EXPECT_EQ(synic_.SignalEvent(kSint, 1), SignalResult::kNewlySet);
  EXPECT_EQ(Interrupts(), 0u);
}

// The sink's side: a timer's message, without a buffer.
class SinkTest : public SynicTest, public SlotWaiter {
 protected:
  SinkTest() { synic_.SetSlotWaiter(this); }

  Delivery Deliver(uint64_t number, SintIndex sint = kSint) {
    tlfs::MessageHeader header;
    header.type = kType;
    header.payload_size = sizeof(number);
    return synic_.Deliver(sint, header, std::as_bytes(std::span(&number, 1)));
  }
  void OnSlotFree(SintIndex sint) override {
    freed_.push_back(sint.value());
    if (on_free_) on_free_();
  }

  std::vector<int> freed_;
  std::function<void()> on_free_;
};

TEST_F(SinkTest, MessageIsDeliveredAtOnce) {
  EnablePages();
  EXPECT_EQ(Deliver(42), Delivery::kDelivered);
  EXPECT_EQ(guest_.Payload(kSint, 0), 42u);
  EXPECT_EQ(Interrupts(), 1u);
  Write(kEom, 0);
  EXPECT_TRUE(freed_.empty());
}

TEST_F(SinkTest, BusySlotIsMarkedAndTheWaiterIsToldAtEom) {
  EnablePages();
  EXPECT_EQ(Deliver(1), Delivery::kDelivered);
  EXPECT_EQ(Deliver(2), Delivery::kSlotBusy);
  EXPECT_TRUE(guest_.Free(kSint));
  on_free_ = [this] { EXPECT_EQ(Deliver(2), Delivery::kDelivered); };
  Write(kEom, 0);
  Write(kEom, 0);
  EXPECT_EQ(freed_, (std::vector<int>{2}));
  EXPECT_EQ(guest_.Payload(kSint, 0), 2u);
}

TEST_F(SinkTest, OffAnswersOffAndTheWaiterIsToldWhenThePageComes) {
  EXPECT_EQ(Deliver(1), Delivery::kOff);
  EXPECT_EQ(Deliver(1, kOther), Delivery::kOff);
  Write(kEom, 0);
  EXPECT_TRUE(freed_.empty());
  EnablePages();
  EXPECT_EQ(freed_, (std::vector<int>{2, 9}));
}

TEST_F(SinkTest, DisabledScontrolHoldsTheMessageBack) {
  EnablePages();
  Write(kScontrol, 0);
  EXPECT_EQ(Deliver(1), Delivery::kOff);
  Write(kScontrol, 1);
  EXPECT_EQ(freed_, (std::vector<int>{2}));
}

TEST_F(SinkTest, WaiterThatFindsTheSlotBusyAgainIsToldAgain) {
  EnablePages();
  EXPECT_EQ(Deliver(1), Delivery::kDelivered);
  EXPECT_EQ(Deliver(2), Delivery::kSlotBusy);
  on_free_ = [this] { EXPECT_EQ(Deliver(2), Delivery::kSlotBusy); };
  Write(kEom, 0);  // The slot is still full
  on_free_ = nullptr;
  guest_.Free(kSint);
  Write(kEom, 0);
  EXPECT_EQ(freed_, (std::vector<int>{2, 2}));
}

TEST_F(SinkTest, WaiterAndQueueTakeTurns) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  on_free_ = [this] { (void)Deliver(100); };
  EXPECT_EQ(Deliver(100), Delivery::kDelivered);
  EXPECT_EQ(Deliver(100), Delivery::kSlotBusy);
  for (uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(PostFromVp(port, i), PostResult::kPosted);
  std::vector<uint64_t> taken;
  for (int i = 0; i < 6; ++i) {
    taken.push_back(*Take(kSint));
    (void)Deliver(100);
  }
  EXPECT_EQ(taken, (std::vector<uint64_t>{100, 1, 100, 2, 100, 3}));
}

TEST_F(SinkTest, MessageThatLeavesTheWaiterWaitingAsksForEom) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  EXPECT_EQ(Deliver(1), Delivery::kDelivered);
  EXPECT_EQ(Deliver(2), Delivery::kSlotBusy);
  guest_.Free(kSint);  // and no EOM yet
  EXPECT_EQ(PostFromVp(port, 3), PostResult::kPosted);
  EXPECT_EQ(guest_.Payload(kSint, 0), 3u);
  EXPECT_TRUE(guest_.IsPending(kSint));
}

TEST_F(SinkTest, ResetClearsPagesQueuesAndRegisters) {
  EnablePages();
  MessagePort port(synic_, kSint, 0);
  EXPECT_EQ(PostFromVp(port, 1), PostResult::kPosted);
  EXPECT_EQ(PostFromVp(port, 2), PostResult::kPosted);
  EXPECT_EQ(Post(port, 3), PostResult::kPosted);
  EXPECT_EQ(Deliver(4), Delivery::kSlotBusy);
  EXPECT_EQ(synic_.SignalEvent(kSint, 0), SignalResult::kNewlySet);
  synic_.Reset();
  EXPECT_EQ(Read(kSimp), 0u);
  EXPECT_EQ(Read(kSiefp), 0u);
  EXPECT_EQ(Read(kSint0 + 2), kMasked);
  EnablePages();
  synic_.Poll();
  EXPECT_EQ(guest_.Type(kSint), 0u);
  EXPECT_EQ(guest_.Flags(kSint, 0), 0u);
  EXPECT_TRUE(freed_.empty());
  for (uint64_t i = 0; i <= MessagePool::kBuffers; ++i) {
    EXPECT_EQ(PostFromVp(port, i), PostResult::kPosted);
  }
}

}  // namespace
}  // namespace hvkit::hyperv
