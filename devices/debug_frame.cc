#include "devices/debug_frame.h"

#include <algorithm>

namespace hvkit::devices {
namespace {

constexpr size_t kEthernetSize = 14;
constexpr size_t kEtherTypeOffset = 12;
constexpr uint16_t kEtherTypeIpv4 = 0x0800;

constexpr size_t kIpSize = 20;
constexpr size_t kIpTotalLength = 2;
constexpr size_t kIpTimeToLive = 8;
constexpr size_t kIpProtocol = 9;
constexpr size_t kIpChecksum = 10;
constexpr size_t kIpSource = 12;
constexpr size_t kIpDestination = 16;
constexpr uint8_t kVersion4 = 0x40;
constexpr uint8_t kDefaultTimeToLive = 64;
constexpr uint8_t kProtocolUdp = 17;

constexpr size_t kUdpSize = 8;
constexpr size_t kUdpDestination = 2;
constexpr size_t kUdpLength = 4;
constexpr size_t kUdpChecksum = 6;
constexpr uint16_t kChecksumOfZero = 0xFFFF;  // 0 would say that there is none

static_assert(kDebugFrameHeaderSize == kEthernetSize + kIpSize + kUdpSize);

uint8_t Get8(std::span<const std::byte> bytes, size_t at) {
  return std::to_integer<uint8_t>(bytes[at]);
}
uint16_t Get16(std::span<const std::byte> bytes, size_t at) {
  return static_cast<uint16_t>(Get8(bytes, at) << 8 | Get8(bytes, at + 1));
}
uint32_t Get32(std::span<const std::byte> bytes, size_t at) {
  return uint32_t{Get16(bytes, at)} << 16 | Get16(bytes, at + 2);
}
void Put8(std::span<std::byte> bytes, size_t at, unsigned value) {
  bytes[at] = static_cast<std::byte>(value);
}
void Put16(std::span<std::byte> bytes, size_t at, unsigned value) {
  Put8(bytes, at, value >> 8);
  Put8(bytes, at + 1, value & 0xFF);
}
void Put32(std::span<std::byte> bytes, size_t at, uint32_t value) {
  Put16(bytes, at, value >> 16);
  Put16(bytes, at + 2, value & 0xFFFF);
}

// The sum of 16-bit words that RFC 1071 starts from; an odd byte counts as one with a zero.
uint32_t Sum(std::span<const std::byte> bytes) {
  uint32_t sum = 0;
  for (size_t at = 0; at + 1 < bytes.size(); at += 2) sum += Get16(bytes, at);
  if (bytes.size() % 2 != 0) sum += uint32_t{Get8(bytes, bytes.size() - 1)} << 8;
  return sum;
}

uint16_t Checksum(uint32_t sum) {
  while (sum > 0xFFFF) sum = (sum >> 16) + (sum & 0xFFFF);
  return static_cast<uint16_t>(~sum);
}

void WriteIp(uint32_t from, uint32_t to, size_t total_length, std::span<std::byte> ip) {
  Put8(ip, 0, kVersion4 | kIpSize / sizeof(uint32_t));
  Put16(ip, kIpTotalLength, static_cast<unsigned>(total_length));
  Put8(ip, kIpTimeToLive, kDefaultTimeToLive);
  Put8(ip, kIpProtocol, kProtocolUdp);
  Put32(ip, kIpSource, from);
  Put32(ip, kIpDestination, to);
  Put16(ip, kIpChecksum, Checksum(Sum(ip)));
}

// `udp` is header and payload; `addresses` the two of the IPv4 header, which the checksum covers.
void WriteUdp(uint16_t from, uint16_t to, std::span<const std::byte> addresses,
              std::span<std::byte> udp) {
  const auto length = static_cast<uint32_t>(udp.size());
  Put16(udp, 0, from);
  Put16(udp, kUdpDestination, to);
  Put16(udp, kUdpLength, length);
  const uint16_t sum = Checksum(Sum(addresses) + kProtocolUdp + length + Sum(udp));
  Put16(udp, kUdpChecksum, sum != 0 ? sum : kChecksumOfZero);
}

}  // namespace

std::optional<DebugFrame> ParseDebugFrame(std::span<const std::byte> frame) {
  if (frame.size() < kDebugFrameHeaderSize || Get16(frame, kEtherTypeOffset) != kEtherTypeIpv4) {
    return std::nullopt;
  }
  const std::span<const std::byte> ip = frame.subspan(kEthernetSize);
  if (Get8(ip, kIpProtocol) != kProtocolUdp) return std::nullopt;
  const size_t ip_size = sizeof(uint32_t) * (Get8(ip, 0) & 0xF);
  if (ip_size < kIpSize || ip.size() < ip_size + kUdpSize) return std::nullopt;
  return DebugFrame{.source_address = Get32(ip, kIpSource),
                    .payload = ip.subspan(ip_size + kUdpSize)};
}

void WriteDebugFrameHeaders(const UdpEndpoint& from, const UdpEndpoint& to,
                            std::span<std::byte> frame) {
  std::fill_n(frame.begin(), kDebugFrameHeaderSize, std::byte{0});
  Put16(frame, kEtherTypeOffset, kEtherTypeIpv4);
  const std::span<std::byte> ip = frame.subspan(kEthernetSize);
  WriteIp(from.address, to.address, ip.size(), ip.first(kIpSize));
  constexpr size_t kBothAddresses = kIpSize - kIpSource;
  WriteUdp(from.port, to.port, ip.subspan(kIpSource, kBothAddresses), ip.subspan(kIpSize));
}

}  // namespace hvkit::devices
