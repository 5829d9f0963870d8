#include "hyperv/synic/model_synic.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "hyperv/synic/message_port.h"
#include "hyperv/synic/port_status.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {
namespace {

class ModelRoute final : public SintRoute {
 public:
  ModelRoute(Synic& synic, SintIndex sint, tlfs::PortId port)
      : synic_(synic), sint_(sint), port_(synic, sint, port.raw) {}

  void Raise() override { synic_.RaiseSint(sint_); }
  tlfs::HvStatus PostMessage(tlfs::MessageType type, std::span<const std::byte> payload) override {
    return StatusOf(port_.Post(type, payload));
  }
  tlfs::HvStatus SetEventFlag(uint32_t flag) override {
    return StatusOf(synic_.SignalEvent(sint_, flag));
  }

 private:
  Synic& synic_;
  const SintIndex sint_;
  MessagePort port_;
};

class ModelConnection final : public DeviceConnection {
 public:
  explicit ModelConnection(Connection connection) : connection_(std::move(connection)) {}

 private:
  Connection connection_;
};

absl::StatusOr<std::unique_ptr<DeviceConnection>> Wrap(absl::StatusOr<Connection> connection) {
  if (!connection.ok()) return connection.status();
  return std::make_unique<ModelConnection>(*std::move(connection));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SintRoute>> ModelSynic::OpenRoute(VpIndex vp, SintIndex sint,
                                                                 tlfs::PortId port) {
  Synic* const synic = find_(vp);
  if (synic == nullptr) return absl::NotFoundError(absl::StrCat("no VP ", vp.value()));
  return std::make_unique<ModelRoute>(*synic, sint, port);
}

absl::StatusOr<std::unique_ptr<DeviceConnection>> ModelSynic::ConnectMessages(
    tlfs::ConnectionId id, MessageHandler& handler) {
  return Wrap(ports_.ConnectMessages(id.raw, handler));
}

absl::StatusOr<std::unique_ptr<DeviceConnection>> ModelSynic::ConnectEvents(tlfs::ConnectionId id,
                                                                            EventHandler& handler) {
  return Wrap(ports_.ConnectEvents(id.raw, handler));
}

}  // namespace hvkit::hyperv
