#include "devices/hyperv_testdev.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/status/statusor.h"
#include "hyperv/synic/connection_handlers.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::devices {
namespace {

using hyperv::DeviceConnection;
using hyperv::DeviceSynic;
using hyperv::SintIndex;
using hyperv::SintRoute;
using hyperv::VpIndex;
using hyperv::tlfs::ConnectionId;
using hyperv::tlfs::HvStatus;
using hyperv::tlfs::MessageType;
using hyperv::tlfs::PortId;

enum class Code : uint8_t {
  kCreateRoute = 1,
  kDestroyRoute = 2,
  kRaiseSint = 3,
  kCreateMessageConnection = 4,
  kDestroyMessageConnection = 5,
  kCreateEventConnection = 6,
  kDestroyEventConnection = 7,
};

}  // namespace

struct HypervTestdev::Command {
  explicit Command(uint32_t word)
      : sint(SintIndex::FromGuest(word & 0xff)),
        vp(word >> 8 & 0xff),
        code(static_cast<Code>(word >> 16 & 0xff)),
        connection(static_cast<uint8_t>(word >> 24)) {}

  std::optional<SintIndex> sint;
  VpIndex vp;
  Code code;
  uint8_t connection;
};

// Posts what the guest posts to the SINT of the connection.
class HypervTestdev::MessageEcho final : public hyperv::MessageHandler {
 public:
  MessageEcho(std::unique_ptr<SintRoute> route, uint8_t /*connection*/)
      : route_(std::move(route)) {}

  [[nodiscard]] bool Connect(DeviceSynic& synic, ConnectionId id) {
    absl::StatusOr<std::unique_ptr<DeviceConnection>> made = synic.ConnectMessages(id, *this);
    if (made.ok()) connection_ = *std::move(made);
    return connection_ != nullptr;
  }
  HvStatus OnMessage(VpIndex /*caller*/, MessageType type,
                     std::span<const std::byte> payload) override {
    return route_->PostMessage(type, payload);
  }

 private:
  const std::unique_ptr<SintRoute> route_;
  std::unique_ptr<DeviceConnection> connection_;  // Goes before the route that it leads to
};

// Sets the event flag of the connection's number.
class HypervTestdev::EventEcho final : public hyperv::EventHandler {
 public:
  EventEcho(std::unique_ptr<SintRoute> route, uint8_t connection)
      : route_(std::move(route)), flag_(connection) {}

  [[nodiscard]] bool Connect(DeviceSynic& synic, ConnectionId id) {
    absl::StatusOr<std::unique_ptr<DeviceConnection>> made = synic.ConnectEvents(id, *this);
    if (made.ok()) connection_ = *std::move(made);
    return connection_ != nullptr;
  }
  HvStatus OnEvent(VpIndex /*caller*/, uint16_t flag) override {
    return flag == 0 ? route_->SetEventFlag(flag_) : HvStatus::kInvalidParameter;
  }

 private:
  const std::unique_ptr<SintRoute> route_;
  const uint32_t flag_;
  std::unique_ptr<DeviceConnection> connection_;  // Goes before the route that it leads to
};

HypervTestdev::HypervTestdev(DeviceSynic& synic) : synic_(synic) {}

HypervTestdev::~HypervTestdev() = default;

void HypervTestdev::Read(uint64_t /*offset*/, std::span<std::byte> data) {
  std::fill(data.begin(), data.end(), std::byte{0});
}

void HypervTestdev::Write(uint64_t offset, std::span<const std::byte> data) {
  uint32_t word;
  if (offset != 0 || data.size() != sizeof(word)) return;
  std::memcpy(&word, data.data(), sizeof(word));
  const absl::MutexLock lock(&mutex_);
  RunLocked(Command(word));
}

void HypervTestdev::RunLocked(const Command& command) {
  switch (command.code) {
    case Code::kCreateRoute:
      return CreateRouteLocked(command);
    case Code::kDestroyRoute:
      return DestroyRouteLocked(command);
    case Code::kRaiseSint:
      return RaiseLocked(command);
    case Code::kCreateMessageConnection:
      return ConnectLocked(messages_, command);
    case Code::kDestroyMessageConnection:
      messages_.erase(command.connection);
      return;
    case Code::kCreateEventConnection:
      return ConnectLocked(events_, command);
    case Code::kDestroyEventConnection:
      events_.erase(command.connection);
      return;
  }
}

void HypervTestdev::CreateRouteLocked(const Command& command) {
  if (!command.sint.has_value() || routes_.size() == kMaxRoutes) return;
  absl::StatusOr<std::unique_ptr<SintRoute>> route =
      synic_.OpenRoute(command.vp, *command.sint, PortId{});
  if (route.ok()) routes_.emplace(RouteKey(command.vp, *command.sint), *std::move(route));
}

void HypervTestdev::DestroyRouteLocked(const Command& command) {
  if (!command.sint.has_value()) return;
  const auto route = routes_.find(RouteKey(command.vp, *command.sint));
  if (route != routes_.end()) routes_.erase(route);
}

void HypervTestdev::RaiseLocked(const Command& command) {
  if (!command.sint.has_value()) return;
  const auto route = routes_.find(RouteKey(command.vp, *command.sint));
  if (route != routes_.end()) route->second->Raise();
}

template <typename Echo>
void HypervTestdev::ConnectLocked(std::map<uint8_t, std::unique_ptr<Echo>>& echoes,
                                  const Command& command) {
  if (!command.sint.has_value() || echoes.contains(command.connection)) return;
  absl::StatusOr<std::unique_ptr<SintRoute>> route =
      synic_.OpenRoute(command.vp, *command.sint, PortId{command.connection});
  if (!route.ok()) return;
  auto echo = std::make_unique<Echo>(*std::move(route), command.connection);
  if (echo->Connect(synic_, ConnectionId{command.connection})) {
    echoes.emplace(command.connection, std::move(echo));
  }
}

}  // namespace hvkit::devices
