// Ports of the guest's own, by way of connections: what a device sets up, what the guest then gets.
#include "hyperv/synic/model_synic.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/synic/connection_handlers.h"
#include "hyperv/synic/device_synic.h"
#include "hyperv/synic/event_port.h"
#include "hyperv/synic/message_port.h"
#include "hyperv/synic/message_queue.h"
#include "hyperv/synic/synic.h"
#include "hyperv/synic/synic_ports.h"
#include "hyperv/synic/test_guest.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"
#include "testing/fakes/fake_interrupt_sink.h"
#include "testing/fakes/fake_vp_scheduler.h"
#include "testing/status_matchers.h"

namespace hvkit::hyperv {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::HasSubstr;
using tlfs::ConnectionId;
using tlfs::HvStatus;
using tlfs::MsrIndex;
using tlfs::PortId;

constexpr VpIndex kVp(3);
constexpr VpIndex kOtherVp(1);
constexpr SintIndex kSint = SintIndex::Of<2>();
constexpr tlfs::MessageType kType{7};
constexpr uint64_t kVector = 0x52;
constexpr uint64_t kMasked = 1 << 16;

class ModelSynicTest : public ::testing::Test {
 protected:
  ModelSynicTest() {
    Write(MsrIndex::kSimp, TestGuest::kSimpPage | 1);
    Write(MsrIndex::kSiefp, TestGuest::kSiefpPage | 1);
    WriteSint(kVector);
  }

  void Write(MsrIndex index, uint64_t value) {
    EXPECT_EQ(synic_.WriteMsr(static_cast<uint32_t>(index), value), MsrOutcome::kHandled);
  }
  void WriteSint(uint64_t value) {
    const uint32_t index = static_cast<uint32_t>(MsrIndex::kSint0) + kSint.value();
    EXPECT_EQ(synic_.WriteMsr(index, value), MsrOutcome::kHandled);
  }
  std::unique_ptr<SintRoute> Route() {
    auto route = devices_.OpenRoute(kVp, kSint, PortId{9});
    EXPECT_OK(route);
    return *std::move(route);
  }
  HvStatus Post(SintRoute& route, uint64_t number) {
    return route.PostMessage(kType, std::as_bytes(std::span(&number, 1)));
  }
  HvStatus PostTo(uint32_t id, uint64_t number, VpIndex caller = kOtherVp) {
    return ports_.PostMessage(caller, id, kType, std::as_bytes(std::span(&number, 1)));
  }
  // What the guest reads, each with EOM.
  std::vector<uint64_t> TakeAll() {
    std::vector<uint64_t> numbers;
    for (synic_.Poll(); guest_.Type(kSint) != 0;) {
      numbers.push_back(guest_.Payload(kSint, 0));
      if (guest_.Free(kSint)) Write(MsrIndex::kEom, 0);
    }
    return numbers;
  }

  TestGuest guest_;
  OverlayMap overlays_{guest_.memory()};
  testing::FakeInterruptSink interrupts_;
  testing::FakeVpScheduler scheduler_;
  Synic synic_{{.vp = kVp, .polling = SintPolling::kAbsent, .policy = {}},
               overlays_,
               interrupts_,
               scheduler_};
  SynicPorts ports_;
  ModelSynic devices_{[this](VpIndex vp) { return vp == kVp ? &synic_ : nullptr; }, ports_};
};

TEST_F(ModelSynicTest, RouteToAVpThatIsNotThereIsNotFound) {
  EXPECT_THAT(devices_.OpenRoute(kOtherVp, kSint, PortId{}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("VP 1")));
}

TEST_F(ModelSynicTest, RaiseRequestsTheSintsInterrupt) {
  Route()->Raise();
  EXPECT_EQ(interrupts_.Take(),
            (std::vector<testing::InterruptRequest>{{kVp, Vector(kVector), EoiMode::kNormal}}));
}

TEST_F(ModelSynicTest, RaiseOfAMaskedSintDoesNothing) {
  WriteSint(kVector | kMasked);
  Route()->Raise();
  EXPECT_EQ(interrupts_.pending(), 0u);
}

TEST_F(ModelSynicTest, MessageOfARouteArrivesWithItsPort) {
  const std::unique_ptr<SintRoute> route = Route();
  EXPECT_EQ(Post(*route, 42), HvStatus::kSuccess);
  synic_.Poll();
  EXPECT_EQ(guest_.Origin(kSint), 9u);
  EXPECT_EQ(TakeAll(), (std::vector<uint64_t>{42}));
}

TEST_F(ModelSynicTest, MessagesOfADestroyedRouteAreTakenBack) {
  std::unique_ptr<SintRoute> route = Route();
  EXPECT_EQ(Post(*route, 1), HvStatus::kSuccess);
  route.reset();
  EXPECT_EQ(TakeAll(), (std::vector<uint64_t>{}));
}

TEST_F(ModelSynicTest, MessageOfTheWrongSizeIsAnInvalidParameter) {
  constexpr std::array<std::byte, tlfs::kMessagePayloadSize + 1> kTooLong{};
  EXPECT_EQ(Route()->PostMessage(kType, kTooLong), HvStatus::kInvalidParameter);
}

TEST_F(ModelSynicTest, DisabledPagesAreAnInvalidSynicState) {
  const std::unique_ptr<SintRoute> route = Route();
  Write(MsrIndex::kSimp, 0);
  Write(MsrIndex::kSiefp, 0);
  EXPECT_EQ(Post(*route, 1), HvStatus::kInvalidSynicState);
  EXPECT_EQ(route->SetEventFlag(0), HvStatus::kInvalidSynicState);
}

TEST_F(ModelSynicTest, EventFlagIsSetAndInterruptsOnce) {
  const std::unique_ptr<SintRoute> route = Route();
  EXPECT_EQ(route->SetEventFlag(65), HvStatus::kSuccess);
  EXPECT_EQ(route->SetEventFlag(65), HvStatus::kSuccess);
  EXPECT_EQ(guest_.Flags(kSint, 1), 2u);
  EXPECT_EQ(interrupts_.pending(), 1u);
}

TEST_F(ModelSynicTest, EventFlagPastTheLastIsAnInvalidParameter) {
  EXPECT_EQ(Route()->SetEventFlag(tlfs::kEventFlagsCount), HvStatus::kInvalidParameter);
}

TEST_F(ModelSynicTest, EventOfAMaskedSintIsAnInvalidSynicState) {
  WriteSint(kVector | kMasked);
  EXPECT_EQ(Route()->SetEventFlag(0), HvStatus::kInvalidSynicState);
}

TEST_F(ModelSynicTest, MessagesPostedThroughAConnectionFillThePortAndArriveInOrder) {
  MessagePort port(synic_, kSint, 1);
  ASSERT_OK_AND_ASSIGN(const auto connection, devices_.ConnectMessages(ConnectionId{5}, port));
  std::vector<uint64_t> expected;
  for (uint64_t number = 0; number < MessagePool::kBuffers; ++number) {
    EXPECT_EQ(PostTo(5, number), HvStatus::kSuccess);
    expected.push_back(number);
  }
  EXPECT_EQ(PostTo(5, 99), HvStatus::kInsufficientBuffers);
  EXPECT_EQ(TakeAll(), expected);
  EXPECT_EQ(PostTo(5, 100), HvStatus::kSuccess);
}

TEST_F(ModelSynicTest, MessageToOnesOwnVpIsInTheSlotAtOnce) {
  MessagePort port(synic_, kSint, 1);
  ASSERT_OK_AND_ASSIGN(const auto connection, devices_.ConnectMessages(ConnectionId{5}, port));
  EXPECT_EQ(PostTo(5, 42, kVp), HvStatus::kSuccess);
  EXPECT_EQ(guest_.Payload(kSint, 0), 42u);
  EXPECT_EQ(scheduler_.kicks(kVp), 0);
}

TEST_F(ModelSynicTest, BrokenConnectionLeavesQueuedMessagesAlone) {
  MessagePort port(synic_, kSint, 1);
  {
    ASSERT_OK_AND_ASSIGN(const auto connection, devices_.ConnectMessages(ConnectionId{5}, port));
    EXPECT_EQ(PostTo(5, 42), HvStatus::kSuccess);
  }
  EXPECT_EQ(TakeAll(), (std::vector<uint64_t>{42}));
}

TEST_F(ModelSynicTest, EventPortAddsItsFirstFlagAndKnowsItsCount) {
  EventPort port(synic_, kSint, {.first = 60, .count = 10});
  ASSERT_OK_AND_ASSIGN(const auto connection, devices_.ConnectEvents(ConnectionId{5}, port));
  EXPECT_EQ(ports_.SignalEvent(kVp, 5, 9), HvStatus::kSuccess);
  EXPECT_EQ(guest_.Flags(kSint, 1), uint64_t{1} << 5);
  EXPECT_EQ(ports_.SignalEvent(kVp, 5, 10), HvStatus::kInvalidParameter);
}

TEST_F(ModelSynicTest, EventPortPastTheEndOfThePageHasNoSuchFlag) {
  EventPort port(synic_, kSint, {.first = 2047, .count = 2});
  EXPECT_EQ(port.Signal(0), SignalResult::kNewlySet);
  EXPECT_EQ(port.Signal(1), SignalResult::kInvalidFlag);
}

TEST_F(ModelSynicTest, ConnectionIdIsForEitherKindOnce) {
  MessagePort messages(synic_, kSint, 1);
  EventPort events(synic_, kSint, {});
  ASSERT_OK_AND_ASSIGN(const auto connection, devices_.ConnectMessages(ConnectionId{5}, messages));
  EXPECT_THAT(devices_.ConnectEvents(ConnectionId{5}, events),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("5")));
  EXPECT_THAT(devices_.ConnectEvents(ConnectionId{1 << 24}, events),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("24 bits")));
}

}  // namespace
}  // namespace hvkit::hyperv
