#include "devices/hyperv_testdev.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/synic/connection_handlers.h"
#include "hyperv/synic/device_synic.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::devices {
namespace {

using hyperv::DeviceConnection;
using hyperv::EventHandler;
using hyperv::MessageHandler;
using hyperv::SintIndex;
using hyperv::SintRoute;
using hyperv::VpIndex;
using hyperv::tlfs::ConnectionId;
using hyperv::tlfs::HvStatus;
using hyperv::tlfs::MessageType;
using hyperv::tlfs::PortId;
using Log = std::vector<std::string>;

constexpr uint32_t kVps = 3;

// Writes down what reaches a SINT, as text.
class FakeRoute : public SintRoute {
 public:
  FakeRoute(std::string name, PortId port, Log& log, HvStatus& answer)
      : name_(std::move(name)), port_(port), log_(log), answer_(answer) {
    log_.push_back(name_ + " opened");
  }
  ~FakeRoute() override { log_.push_back(name_ + " closed"); }

  void Raise() override { log_.push_back(name_ + " raised"); }
  HvStatus PostMessage(MessageType type, std::span<const std::byte> payload) override {
    log_.push_back(absl::StrCat(name_, " message ", static_cast<uint32_t>(type), " of ",
                                payload.size(), " from ", port_.raw));
    return answer_;
  }
  HvStatus SetEventFlag(uint32_t flag) override {
    log_.push_back(absl::StrCat(name_, " flag ", flag));
    return answer_;
  }

 private:
  const std::string name_;
  const PortId port_;
  Log& log_;
  HvStatus& answer_;
};

// A place in a map while it lasts.
template <typename Handler>
class FakeConnection : public DeviceConnection {
 public:
  FakeConnection(std::map<uint32_t, Handler*>& handlers, uint32_t id)
      : handlers_(handlers), id_(id) {}
  ~FakeConnection() override { handlers_.erase(id_); }

 private:
  std::map<uint32_t, Handler*>& handlers_;
  const uint32_t id_;
};

class FakeDeviceSynic : public hyperv::DeviceSynic {
 public:
  absl::StatusOr<std::unique_ptr<SintRoute>> OpenRoute(VpIndex vp, SintIndex sint,
                                                       PortId port) override {
    if (vp.value() >= kVps) return absl::NotFoundError("no such VP");
    return std::make_unique<FakeRoute>(absl::StrCat(vp.value(), "/", sint.value()), port, log,
                                       answer);
  }
  absl::StatusOr<std::unique_ptr<DeviceConnection>> ConnectMessages(
      ConnectionId id, MessageHandler& handler) override {
    return Connect(messages, id, handler);
  }
  absl::StatusOr<std::unique_ptr<DeviceConnection>> ConnectEvents(ConnectionId id,
                                                                  EventHandler& handler) override {
    return Connect(events, id, handler);
  }

  Log log;
  HvStatus answer = HvStatus::kSuccess;
  std::map<uint32_t, MessageHandler*> messages;
  std::map<uint32_t, EventHandler*> events;

 private:
  template <typename Handler>
  absl::StatusOr<std::unique_ptr<DeviceConnection>> Connect(std::map<uint32_t, Handler*>& handlers,
                                                            ConnectionId id, Handler& handler) {
    if (messages.contains(id.raw) || events.contains(id.raw)) {
      return absl::AlreadyExistsError("id in use");
    }
    handlers.emplace(id.raw, &handler);
    return std::make_unique<FakeConnection<Handler>>(handlers, id.raw);
  }
};

class HypervTestdevTest : public ::testing::Test {
 protected:
  void Write(uint32_t word) {
    std::array<std::byte, 4> data;
    std::memcpy(data.data(), &word, sizeof(word));
    device_.Write(0, data);
  }
  // The lines since the last call.
  Log Lines() { return std::exchange(synic_.log, {}); }

  FakeDeviceSynic synic_;
  HypervTestdev device_{synic_};
};

TEST_F(HypervTestdevTest, RouteIsOpenedRaisedAndClosed) {
  Write(0x00'01'02'08);
  EXPECT_EQ(Lines(), (Log{"2/8 opened"}));
  Write(0x00'03'02'08);
  EXPECT_EQ(Lines(), (Log{"2/8 raised"}));
  Write(0x00'02'02'08);
  EXPECT_EQ(Lines(), (Log{"2/8 closed"}));
}

TEST_F(HypervTestdevTest, RouteMadeTwiceLastsUntilDestroyedTwice) {
  Write(0x00'01'00'08);
  Write(0x00'01'00'08);
  Write(0x00'02'00'08);
  Lines();
  Write(0x00'03'00'08);
  EXPECT_EQ(Lines(), (Log{"0/8 raised"}));
  Write(0x00'02'00'08);
  Lines();
  Write(0x00'03'00'08);
  EXPECT_EQ(Lines(), (Log{}));
}

TEST_F(HypervTestdevTest, SintWithoutARouteIsNotRaised) {
  Write(0x00'01'00'08);
  Lines();
  Write(0x00'03'01'08);
  Write(0x00'03'00'09);
  EXPECT_EQ(Lines(), (Log{}));
}

TEST_F(HypervTestdevTest, MessageComesBackWithTypeAndPayload) {
  Write(0x10'04'01'08);
  Lines();
  constexpr std::array<std::byte, 240> kPayload{};
  EXPECT_EQ(synic_.messages.at(0x10)->OnMessage(VpIndex(0), MessageType{0x1234}, kPayload),
            HvStatus::kSuccess);
  EXPECT_EQ(Lines(), (Log{"1/8 message 4660 of 240 from 16"}));
}

TEST_F(HypervTestdevTest, PosterGetsTheRoutesStatus) {
  Write(0x10'04'01'08);
  synic_.answer = HvStatus::kInsufficientBuffers;
  EXPECT_EQ(synic_.messages.at(0x10)->OnMessage(VpIndex(0), MessageType{1}, {}),
            HvStatus::kInsufficientBuffers);
}

TEST_F(HypervTestdevTest, EventSetsTheFlagOfTheConnectionsNumber) {
  Write(0x21'06'02'09);
  Lines();
  EXPECT_EQ(synic_.events.at(0x21)->OnEvent(VpIndex(0), 0), HvStatus::kSuccess);
  EXPECT_EQ(Lines(), (Log{"2/9 flag 33"}));
}

TEST_F(HypervTestdevTest, EventHasNoOtherFlag) {
  Write(0x21'06'02'09);
  Lines();
  EXPECT_EQ(synic_.events.at(0x21)->OnEvent(VpIndex(0), 1), HvStatus::kInvalidParameter);
  EXPECT_EQ(Lines(), (Log{}));
}

TEST_F(HypervTestdevTest, DestroyedConnectionsAreBrokenAndTheirRoutesClosed) {
  Write(0x10'04'01'08);
  Write(0x21'06'02'09);
  Lines();
  Write(0x10'05'00'00);
  EXPECT_EQ(Lines(), (Log{"1/8 closed"}));
  EXPECT_TRUE(synic_.messages.empty());
  Write(0x21'07'00'00);
  EXPECT_EQ(Lines(), (Log{"2/9 closed"}));
  EXPECT_TRUE(synic_.events.empty());
}

TEST_F(HypervTestdevTest, ConnectionInUseStaysAsItIs) {
  Write(0x10'04'01'08);
  Lines();
  Write(0x10'04'02'08);
  EXPECT_EQ(Lines(), (Log{}));
  Write(0x10'06'02'08);
  EXPECT_EQ(Lines(), (Log{"2/8 opened", "2/8 closed"}));
  EXPECT_EQ(synic_.messages.size(), 1u);
  EXPECT_TRUE(synic_.events.empty());
}

TEST_F(HypervTestdevTest, WhatDoesNotExistIsIgnored) {
  for (const uint32_t word : {0x00'01'03'08u, 0x00'01'00'10u, 0x00'02'00'08u, 0x00'03'00'10u,
                              0x10'04'03'08u, 0x10'04'00'10u, 0x10'05'00'00u, 0x10'06'ff'08u,
                              0x10'07'00'00u, 0x10'00'00'08u, 0x10'08'00'08u, 0xffffffffu}) {
    Write(word);
    EXPECT_EQ(Lines(), (Log{})) << word;
  }
}

TEST_F(HypervTestdevTest, RoutesAreBounded) {
  for (size_t i = 0; i <= HypervTestdev::kMaxRoutes; ++i) Write(0x00'01'00'08);
  EXPECT_EQ(Lines().size(), HypervTestdev::kMaxRoutes);
}

TEST_F(HypervTestdevTest, OtherAccessesAreIgnored) {
  const std::array<std::byte, 8> data{std::byte{8}, std::byte{0}, std::byte{1}};
  for (const size_t size : {0u, 1u, 2u, 8u}) device_.Write(0, std::span(data).first(size));
  device_.Write(1, std::span(data).first(4));
  EXPECT_EQ(Lines(), (Log{}));
}

TEST_F(HypervTestdevTest, ReadsGiveZeros) {
  std::array<std::byte, 4> data;
  data.fill(std::byte{0xa5});
  device_.Read(0, data);
  EXPECT_EQ(data, (std::array<std::byte, 4>{}));
}

TEST(HypervTestdevEndTest, NothingIsLeftWhenItGoes) {
  FakeDeviceSynic synic;
  {
    HypervTestdev device(synic);
    const auto write = [&](uint32_t word) { device.Write(0, std::as_bytes(std::span(&word, 1))); };
    write(0x10'04'01'08);
    write(0x21'06'02'09);
  }
  EXPECT_EQ(synic.log, (Log{"1/8 opened", "2/9 opened", "2/9 closed", "1/8 closed"}));
  EXPECT_TRUE(synic.messages.empty());
  EXPECT_TRUE(synic.events.empty());
}

}  // namespace
}  // namespace hvkit::devices
