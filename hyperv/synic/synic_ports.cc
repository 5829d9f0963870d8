#include "hyperv/synic/synic_ports.h"

#include <algorithm>
#include <bit>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace hvkit::hyperv {
namespace {

using tlfs::HvStatus;

constexpr uint64_t kIds = tlfs::ConnectionId::Id::kMask + uint64_t{1};

}  // namespace

Connection::~Connection() {
  if (ports_ != nullptr) ports_->Break(slot_);
}

void Connection::DeletePort() {
  if (ports_ != nullptr) ports_->DeletePort(slot_);
}

SynicPorts::SynicPorts(size_t max_connections)
    : max_connections_(max_connections),
      mask_(std::bit_ceil(2 * std::max(max_connections, size_t{1})) - 1),
      slots_(std::make_unique<Slot[]>(mask_ + 1)) {}

// Half of the slots have no connection, but all may be kBroken: hence the bound.
SynicPorts::Slot* SynicPorts::Find(uint32_t id) {
  size_t at = id & mask_;
  for (size_t seen = 0; seen <= mask_; ++seen, at = Next(at)) {
    const uint32_t found = slots_[at].id.load(std::memory_order_acquire);
    if (found == id) return &slots_[at];
    if (found == kNever) return nullptr;
  }
  return nullptr;
}

// Calls `call` with the port, which stays until it returns.
template <typename Call>
HvStatus SynicPorts::Through(uint32_t id, Call&& call) {
  Slot* const slot = Find(id);
  if (slot == nullptr) return HvStatus::kInvalidConnectionId;
  const bool open = (slot->use.fetch_add(1, std::memory_order_acquire) & kClosed) == 0;
  // Since it was found, the connection may have been broken and the slot given to another.
  const bool same = slot->id.load(std::memory_order_relaxed) == id;
  HvStatus status = same ? HvStatus::kInvalidPortId : HvStatus::kInvalidConnectionId;
  if (open && same) status = call(slot->port);
  slot->use.fetch_sub(1, std::memory_order_release);
  return status;
}

HvStatus SynicPorts::PostMessage(VpIndex caller, uint32_t id, tlfs::MessageType type,
                                 std::span<const std::byte> payload) {
  return Through(id, [&](const Port& port) {
    if (port.messages == nullptr) return HvStatus::kInvalidPortId;
    return port.messages->OnMessage(caller, type, payload);
  });
}

HvStatus SynicPorts::SignalEvent(VpIndex caller, uint32_t id, uint16_t flag) {
  return Through(id, [&](const Port& port) {
    if (port.events == nullptr) return HvStatus::kInvalidPortId;
    return port.events->OnEvent(caller, flag);
  });
}

absl::StatusOr<Connection> SynicPorts::ConnectMessages(uint32_t id, MessageHandler& port) {
  return Connect(id, {.messages = &port, .events = nullptr});
}

absl::StatusOr<Connection> SynicPorts::ConnectEvents(uint32_t id, EventHandler& port) {
  return Connect(id, {.messages = nullptr, .events = &port});
}

absl::StatusOr<Connection> SynicPorts::Connect(uint32_t id, Port port) {
  if (id >= kIds) {
    return absl::InvalidArgumentError(absl::StrCat("connection id ", id, " has more than 24 bits"));
  }
  const absl::MutexLock lock(&mutex_);
  if (Find(id) != nullptr) {
    return absl::AlreadyExistsError(absl::StrCat("connection id ", id, " is in use"));
  }
  if (connections_ == max_connections_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("connection id ", id, ": all ", max_connections_, " connections are in use"));
  }
  ++connections_;
  const size_t slot = UnusedLocked(id);
  Open(slots_[slot], port);
  slots_[slot].id.store(id, std::memory_order_release);
  return Connection(*this, slot);
}

// There is one: see mask_.
size_t SynicPorts::UnusedLocked(uint32_t id) const {
  size_t at = id & mask_;
  for (;; at = Next(at)) {
    const uint32_t found = slots_[at].id.load(std::memory_order_relaxed);
    if (found == kNever || found == kBroken) return at;
  }
}

// The slot is the caller's, so no lock.
void SynicPorts::DeletePort(size_t slot) {
  Close(slots_[slot]);
  Open(slots_[slot], {});
}

void SynicPorts::Break(size_t slot) {
  {
    const absl::MutexLock lock(&mutex_);
    slots_[slot].id.store(kBreaking, std::memory_order_relaxed);
  }
  Close(slots_[slot]);
  const absl::MutexLock lock(&mutex_);
  --connections_;
  FreeLocked(slot);
}

// No search needs to pass a slot that is followed by one where it ends.
void SynicPorts::FreeLocked(size_t slot) {
  slots_[slot].id.store(kBroken, std::memory_order_relaxed);
  if (slots_[Next(slot)].id.load(std::memory_order_relaxed) != kNever) return;
  while (slots_[slot].id.load(std::memory_order_relaxed) == kBroken) {
    slots_[slot].id.store(kNever, std::memory_order_relaxed);
    slot = (slot - 1) & mask_;
  }
}

void SynicPorts::Close(Slot& slot) {
  slot.use.fetch_or(kClosed, std::memory_order_acq_rel);
  while (slot.use.load(std::memory_order_acquire) != kClosed) std::this_thread::yield();
}

void SynicPorts::Open(Slot& slot, Port port) {
  slot.port = port;
  slot.use.fetch_and(~kClosed, std::memory_order_release);
}

}  // namespace hvkit::hyperv
