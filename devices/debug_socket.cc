#include "devices/debug_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace hvkit::devices {
namespace {

constexpr int kMaxDropped = 64;  // in a row; more wait for the next call

// sockaddr_in as the calls take it.
sockaddr ToSockaddr(const UdpEndpoint& endpoint) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  address.sin_addr.s_addr = htonl(endpoint.address);
  return std::bit_cast<sockaddr>(address);
}

absl::Status LastError(const char* what, const UdpEndpoint& peer) {
  const int error = errno;
  const uint32_t a = peer.address;
  return absl::FailedPreconditionError(absl::StrFormat("%s %d.%d.%d.%d:%d: %s", what, a >> 24,
                                                       a >> 16 & 0xFF, a >> 8 & 0xFF, a & 0xFF,
                                                       peer.port, std::strerror(error)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<DebugSocket>> DebugSocket::Connect(const UdpEndpoint& peer) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return LastError("UDP socket for", peer);
  std::unique_ptr<DebugSocket> socket(new DebugSocket(fd, peer));
  const sockaddr address = ToSockaddr(peer);
  if (::connect(fd, &address, sizeof(address)) != 0) return LastError("connect to", peer);
  return socket;
}

DebugSocket::~DebugSocket() { ::close(fd_); }

bool DebugSocket::Send(std::span<const std::byte> payload) const {
  ssize_t sent = ::send(fd_, payload.data(), payload.size(), MSG_NOSIGNAL);
  // What an earlier datagram met with.
  if (sent < 0 && errno == ECONNREFUSED) {
    sent = ::send(fd_, payload.data(), payload.size(), MSG_NOSIGNAL);
  }
  return sent == static_cast<ssize_t>(payload.size());
}

size_t DebugSocket::Receive(std::span<std::byte> payload) const {
  if (NextSize() == 0) return 0;
  const ssize_t size = ::recv(fd_, payload.data(), payload.size(), 0);
  return size > 0 ? static_cast<size_t>(size) : 0;
}

size_t DebugSocket::NextSize() const {
  for (int i = 0; i < kMaxDropped; ++i) {
    const ssize_t size = ::recv(fd_, nullptr, 0, MSG_PEEK | MSG_TRUNC);
    if (size > 0) return static_cast<size_t>(size);
    if (size < 0 && errno == EAGAIN) return 0;
    // An empty datagram is taken; what an earlier one of ours met with is told once.
    if (size == 0) ::recv(fd_, nullptr, 0, 0);
  }
  return 0;
}

}  // namespace hvkit::devices
