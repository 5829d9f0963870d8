// DeviceSynic over the model: SynICs of hyperv/synic, and the ports that its dispatcher posts to.
//
// Behaviour is that of message_port.h, event_port.h and synic_ports.h; nothing is added here.
#ifndef HVKIT_HYPERV_SYNIC_MODEL_SYNIC_H_
#define HVKIT_HYPERV_SYNIC_MODEL_SYNIC_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "hyperv/host/ids.h"
#include "hyperv/synic/connection_handlers.h"
#include "hyperv/synic/device_synic.h"
#include "hyperv/synic/synic.h"
#include "hyperv/synic/synic_ports.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {

// Thread-safe if `find` is.
class ModelSynic final : public DeviceSynic {
 public:
  // The SynIC of a VP, or null if there is no such VP.
  using Find = std::function<Synic*(VpIndex vp)>;

  ModelSynic(Find find, SynicPorts& ports) : find_(std::move(find)), ports_(ports) {}

  // DeviceSynic:
  [[nodiscard]] absl::StatusOr<std::unique_ptr<SintRoute>> OpenRoute(VpIndex vp, SintIndex sint,
                                                                     tlfs::PortId port) override;
  [[nodiscard]] absl::StatusOr<std::unique_ptr<DeviceConnection>> ConnectMessages(
      tlfs::ConnectionId id, MessageHandler& handler) override;
  [[nodiscard]] absl::StatusOr<std::unique_ptr<DeviceConnection>> ConnectEvents(
      tlfs::ConnectionId id, EventHandler& handler) override;

 private:
  const Find find_;
  SynicPorts& ports_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_SYNIC_MODEL_SYNIC_H_
