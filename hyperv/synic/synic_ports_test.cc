#include "hyperv/synic/synic_ports.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/synic/connection_handlers.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"
#include "testing/status_matchers.h"

namespace hvkit::hyperv {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::HasSubstr;
using tlfs::HvStatus;

constexpr VpIndex kVp(3);
constexpr tlfs::MessageType kType{7};
constexpr uint32_t kLastId = (1 << 24) - 1;

// A device that remembers what it was given.
class Recorder : public MessageHandler, public EventHandler {
 public:
  struct Message {
    VpIndex caller;
    tlfs::MessageType type;
    std::vector<std::byte> payload;
    bool operator==(const Message&) const = default;
  };

  HvStatus OnMessage(VpIndex caller, tlfs::MessageType type,
                     std::span<const std::byte> payload) override {
    messages.push_back({caller, type, {payload.begin(), payload.end()}});
    return answer;
  }
  HvStatus OnEvent(VpIndex caller, uint16_t flag) override {
    events.emplace_back(caller, flag);
    return answer;
  }

  HvStatus answer = HvStatus::kSuccess;
  std::vector<Message> messages;
  std::vector<std::pair<VpIndex, uint16_t>> events;
};

class SynicPortsTest : public ::testing::Test {
 protected:
  HvStatus Post(uint32_t id) { return ports_.PostMessage(kVp, id, kType, {}); }
  HvStatus Signal(uint32_t id) { return ports_.SignalEvent(kVp, id, 0); }
  Connection Messages(uint32_t id) {
    absl::StatusOr<Connection> made = ports_.ConnectMessages(id, device_);
    EXPECT_OK(made);
    return made.ok() ? *std::move(made) : Connection();
  }
  Connection Events(uint32_t id) {
    absl::StatusOr<Connection> made = ports_.ConnectEvents(id, device_);
    EXPECT_OK(made);
    return made.ok() ? *std::move(made) : Connection();
  }

  static constexpr size_t kMax = 4;
  SynicPorts ports_{kMax};
  Recorder device_;
};

TEST_F(SynicPortsTest, MessageReachesItsHandler) {
  const Connection connection = Messages(5);
  constexpr std::byte kPayload[] = {std::byte{1}, std::byte{2}};
  EXPECT_EQ(ports_.PostMessage(kVp, 5, kType, kPayload), HvStatus::kSuccess);
  ASSERT_EQ(device_.messages.size(), 1u);
  EXPECT_EQ(device_.messages[0], (Recorder::Message{kVp, kType, {std::byte{1}, std::byte{2}}}));
}

TEST_F(SynicPortsTest, EventReachesItsHandler) {
  const Connection connection = Events(kLastId);
  EXPECT_EQ(ports_.SignalEvent(kVp, kLastId, 0xFFFF), HvStatus::kSuccess);
  ASSERT_EQ(device_.events.size(), 1u);
  EXPECT_EQ(device_.events[0], std::pair(kVp, uint16_t{0xFFFF}));
}

TEST_F(SynicPortsTest, HandlersStatusIsTheGuests) {
  const Connection messages = Messages(1);
  const Connection events = Events(2);
  device_.answer = HvStatus::kInsufficientBuffers;
  EXPECT_EQ(Post(1), HvStatus::kInsufficientBuffers);
  EXPECT_EQ(Signal(2), HvStatus::kInsufficientBuffers);
}

TEST_F(SynicPortsTest, UnknownConnectionIsInvalid) {
  const Connection connection = Messages(1);
  EXPECT_EQ(Post(0), HvStatus::kInvalidConnectionId);
  EXPECT_EQ(Signal(2), HvStatus::kInvalidConnectionId);
  EXPECT_EQ(Post(kLastId), HvStatus::kInvalidConnectionId);
}

TEST_F(SynicPortsTest, PortOfTheOtherTypeIsAnInvalidPort) {
  const Connection messages = Messages(1);
  const Connection events = Events(2);
  EXPECT_EQ(Signal(1), HvStatus::kInvalidPortId);
  EXPECT_EQ(Post(2), HvStatus::kInvalidPortId);
}

TEST_F(SynicPortsTest, DeletedPortLeavesAConnectionOfNoUse) {
  Connection connection = Messages(1);
  connection.DeletePort();
  EXPECT_EQ(Post(1), HvStatus::kInvalidPortId);
  EXPECT_TRUE(device_.messages.empty());
  EXPECT_THAT(ports_.ConnectMessages(1, device_),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("1")));
}

TEST_F(SynicPortsTest, BrokenConnectionIsInvalidAndItsIdFree) {
  std::optional<Connection> connection = Messages(1);
  connection.reset();
  EXPECT_EQ(Post(1), HvStatus::kInvalidConnectionId);
  const Connection again = Events(1);
  EXPECT_EQ(Signal(1), HvStatus::kSuccess);
}

TEST_F(SynicPortsTest, MovedConnectionIsBrokenOnce) {
  Connection first = Messages(1);
  Connection second = std::move(first);
  first = Connection();
  EXPECT_EQ(Post(1), HvStatus::kSuccess);
  second = Messages(2);
  EXPECT_EQ(Post(1), HvStatus::kInvalidConnectionId);
  EXPECT_EQ(Post(2), HvStatus::kSuccess);
}

TEST_F(SynicPortsTest, IdWithReservedBitsIsRefused) {
  EXPECT_THAT(ports_.ConnectEvents(kLastId + 1, device_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("24 bits")));
}

TEST_F(SynicPortsTest, IdInUseIsRefusedForEitherType) {
  const Connection connection = Messages(1);
  EXPECT_THAT(ports_.ConnectEvents(1, device_),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("1")));
}

TEST_F(SynicPortsTest, TableIsBounded) {
  std::vector<Connection> connections;
  for (uint32_t id = 0; id < kMax; ++id) connections.push_back(Messages(id));
  EXPECT_THAT(ports_.ConnectMessages(9, device_),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("all 4")));
  connections.pop_back();
  EXPECT_OK(ports_.ConnectMessages(9, device_));
}

// Ids that all start their search at one slot; see SynicPorts::Find.
TEST_F(SynicPortsTest, CollidingIdsAreFoundWhicheverGoes) {
  constexpr uint32_t kIds[] = {0x10, 0x20, 0x30, 0x40};
  for (const uint32_t gone : kIds) {
    std::vector<std::pair<uint32_t, Connection>> connections;
    for (const uint32_t id : kIds) connections.emplace_back(id, Messages(id));
    std::erase_if(connections, [&](const auto& entry) { return entry.first == gone; });
    for (const uint32_t id : kIds) {
      EXPECT_EQ(Post(id), id == gone ? HvStatus::kInvalidConnectionId : HvStatus::kSuccess) << id;
    }
    const Connection back = Messages(gone);
    EXPECT_EQ(Post(gone), HvStatus::kSuccess);
  }
}

TEST_F(SynicPortsTest, SearchEndsThoughEverySlotHasBeenUsed) {
  const Connection stays = Messages(7);
  for (uint32_t id = 0; id < 64; ++id) {
    if (id == 7) continue;
    const Connection passing = Messages(id);
    EXPECT_EQ(Post(id), HvStatus::kSuccess);
  }
  EXPECT_EQ(Post(100), HvStatus::kInvalidConnectionId);
  EXPECT_EQ(Post(7), HvStatus::kSuccess);
}

// A device that ends another of its connections when it gets a message.
class Closer : public MessageHandler {
 public:
  HvStatus OnMessage(VpIndex, tlfs::MessageType, std::span<const std::byte>) override {
    other = Connection();
    return HvStatus::kSuccess;
  }
  Connection other;
};

TEST_F(SynicPortsTest, HandlerMayBreakAnotherConnection) {
  Closer closer;
  closer.other = Events(2);
  ASSERT_OK_AND_ASSIGN(const Connection connection, ports_.ConnectMessages(1, closer));
  EXPECT_EQ(Post(1), HvStatus::kSuccess);
  EXPECT_EQ(Signal(2), HvStatus::kInvalidConnectionId);
}

}  // namespace
}  // namespace hvkit::hyperv
