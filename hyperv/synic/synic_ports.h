// Connections by id, and the ports behind them: where PostMessage and SignalEvent of a guest go.
//
// TLFS: inter-partition-communication.md "Ports and Connections", hypercalls/HvCallPostMessage.md,
// HvCallSignalEvent.md. Guests cannot create any: a host connects an id to a handler, which is a
// device (MessageHandler, EventHandler) or a port of the guest (MessagePort, EventPort). What the
// hypercalls themselves judge (reserved bits, types, sizes) is not here.
#ifndef HVKIT_HYPERV_SYNIC_SYNIC_PORTS_H_
#define HVKIT_HYPERV_SYNIC_SYNIC_PORTS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "hyperv/host/connections.h"
#include "hyperv/host/ids.h"
#include "hyperv/synic/connection_handlers.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {

class SynicPorts;

// A connection while it lasts; destroying it breaks it, and the guest gets kInvalidConnectionId.
// Move-only; one thread at a time, and never from within its own handler: both ways to end it wait
// for calls that are in the handler, after which it may go.
class Connection {
 public:
  Connection() = default;
  Connection(Connection&& other) noexcept
      : ports_(std::exchange(other.ports_, nullptr)), slot_(other.slot_) {}
  Connection& operator=(Connection&& other) noexcept {
    Connection taken(std::move(other));
    std::swap(ports_, taken.ports_);
    std::swap(slot_, taken.slot_);
    return *this;
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // The port goes and the connection stays, of no use: the guest gets kInvalidPortId.
  void DeletePort();

 private:
  friend class SynicPorts;
  Connection(SynicPorts& ports, size_t slot) : ports_(&ports), slot_(slot) {}

  SynicPorts* ports_ = nullptr;  // Null: none
  size_t slot_ = 0;
};

// Thread-safe. A guest's call takes no lock and does not allocate: it finds its connection in a
// table that never moves, and holds it by a count while it is in the handler. mutex_ orders
// connecting and breaking, and is not held while they wait; so handlers may end other connections.
class SynicPorts final : public Connections {
 public:
  // Unless the constructor is given another number.
  static constexpr size_t kDefaultConnections = 1024;

  // Memory is 128 bytes for each of `max_connections`.
  explicit SynicPorts(size_t max_connections = kDefaultConnections);
  // All connections are broken by then.
  ~SynicPorts() override = default;
  SynicPorts(const SynicPorts&) = delete;
  SynicPorts& operator=(const SynicPorts&) = delete;

  // The handler outlives the connection. InvalidArgument: `id` is not below 2^24; AlreadyExists;
  // ResourceExhausted: max_connections.
  [[nodiscard]] absl::StatusOr<Connection> ConnectMessages(uint32_t id, MessageHandler& port);
  [[nodiscard]] absl::StatusOr<Connection> ConnectEvents(uint32_t id, EventHandler& port);

  // Connections:
  tlfs::HvStatus PostMessage(VpIndex caller, uint32_t id, tlfs::MessageType type,
                             std::span<const std::byte> payload) override;
  tlfs::HvStatus SignalEvent(VpIndex caller, uint32_t id, uint16_t flag) override;

 private:
  friend class Connection;

  // At most one of the two; neither once the port is deleted.
  struct Port {
    MessageHandler* messages = nullptr;
    EventHandler* events = nullptr;
  };

  // Ids of slots without a connection, above all real ones. A search ends at kNever, and goes on
  // behind the others.
  static constexpr uint32_t kNever = 0xFFFFFFFF;
  static constexpr uint32_t kBroken = 0xFFFFFFFE;
  static constexpr uint32_t kBreaking = 0xFFFFFFFD;  // Not to be used again yet

  static constexpr uint32_t kClosed = 0x80000000;

  struct alignas(64) Slot {
    std::atomic<uint32_t> id{kNever};    // Written under mutex_; set when the rest is in place
    std::atomic<uint32_t> use{kClosed};  // Calls in the handler; with kClosed none begins
    Port port;                           // Written while closed and unused
  };

  Slot* Find(uint32_t id);
  template <typename Call>
  tlfs::HvStatus Through(uint32_t id, Call&& call);
  absl::StatusOr<Connection> Connect(uint32_t id, Port port);
  size_t UnusedLocked(uint32_t id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DeletePort(size_t slot);
  void Break(size_t slot);
  size_t Next(size_t slot) const { return (slot + 1) & mask_; }
  void FreeLocked(size_t slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Each closes the slot to new calls and waits for those under way, or lets calls in.
  static void Close(Slot& slot);
  static void Open(Slot& slot, Port port);

  const size_t max_connections_;
  const size_t mask_;  // A power of two less one, so that half of the slots stay free
  const std::unique_ptr<Slot[]> slots_;
  absl::Mutex mutex_;
  size_t connections_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_SYNIC_SYNIC_PORTS_H_
