// The way to a debugger: a UDP socket that is connected to one peer. Source: udp(7). A datagram is
// what the guest's packet carries, without headers, as in QEMU's hw/hyperv/syndbg.c.
#ifndef HVKIT_DEVICES_DEBUG_SOCKET_H_
#define HVKIT_DEVICES_DEBUG_SOCKET_H_

#include <cstddef>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "devices/debug_frame.h"

namespace hvkit::devices {

// Never blocks. Send is thread-safe; Receive and NextSize are for one thread at a time.
class DebugSocket {
 public:
  // Datagrams of others than `peer` are dropped; the socket's own port is the kernel's choice.
  // FailedPrecondition: there is no way to the peer.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<DebugSocket>> Connect(
      const UdpEndpoint& peer);
  ~DebugSocket();
  DebugSocket(const DebugSocket&) = delete;
  DebugSocket& operator=(const DebugSocket&) = delete;

  // Sends one datagram. False if it was not taken: too long, or no room. That nobody listens does
  // not matter.
  [[nodiscard]] bool Send(std::span<const std::byte> payload) const;
  // Takes one datagram and returns its size, 0 if none waits; what does not fit is lost. Drops
  // empty ones, as NextSize does.
  [[nodiscard]] size_t Receive(std::span<std::byte> payload) const;
  // The size of the datagram that Receive would take; 0 if none waits. Drops empty ones, a bounded
  // number of them: while fd() is readable, ask again.
  [[nodiscard]] size_t NextSize() const;

  // Readable while a datagram waits. Remains this object's.
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const UdpEndpoint& peer() const { return peer_; }

 private:
  DebugSocket(int fd, const UdpEndpoint& peer) : fd_(fd), peer_(peer) {}

  const int fd_;
  const UdpEndpoint peer_;
};

}  // namespace hvkit::devices

#endif  // HVKIT_DEVICES_DEBUG_SOCKET_H_
