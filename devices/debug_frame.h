// The Ethernet, IPv4 and UDP headers around a debugger's packet: the form in which the guest's
// hypercalls carry it. Sources: RFC 768, RFC 791, RFC 1071; which fields the guest needs, QEMU's
// hw/hyperv/syndbg.c.
//
// Options of IPv4 are skipped, fragments are not put together, checksums of what the guest sends
// are not checked.
#ifndef HVKIT_DEVICES_DEBUG_FRAME_H_
#define HVKIT_DEVICES_DEBUG_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace hvkit::devices {

// An IPv4 address and a UDP port, both in the host's byte order.
struct UdpEndpoint {
  uint32_t address = 0;
  uint16_t port = 0;

  friend bool operator==(const UdpEndpoint&, const UdpEndpoint&) = default;
};

// Ethernet, IPv4 without options, and UDP, in bytes.
inline constexpr size_t kDebugFrameHeaderSize = 14 + 20 + 8;

// What a frame carries, and who says to have sent it.
struct DebugFrame {
  uint32_t source_address = 0;
  std::span<const std::byte> payload;
};

// Takes the headers off. Nothing for a frame that is not UDP over IPv4, or is cut short. The
// payload is all that follows the headers, whatever lengths they tell.
[[nodiscard]] std::optional<DebugFrame> ParseDebugFrame(std::span<const std::byte> frame);

// Writes the headers into the first kDebugFrameHeaderSize bytes of `frame`, whose rest, at most
// 65507 bytes, is the payload. Hardware addresses are zero.
void WriteDebugFrameHeaders(const UdpEndpoint& from, const UdpEndpoint& to,
                            std::span<std::byte> frame);

}  // namespace hvkit::devices

#endif  // HVKIT_DEVICES_DEBUG_FRAME_H_
