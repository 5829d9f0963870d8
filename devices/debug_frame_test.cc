#include "devices/debug_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string_view>
#include <vector>

namespace hvkit::devices {
namespace {

using ::testing::ElementsAreArray;

constexpr UdpEndpoint kHost = {.address = 0x7F000001, .port = 50000};
constexpr UdpEndpoint kTarget = {.address = 0xA9FE0102, .port = 50000};
constexpr size_t kProtocolAt = 14 + 9;
constexpr size_t kIpLengthAt = 14;

std::vector<std::byte> Frame(std::string_view payload) {
  std::vector<std::byte> frame(kDebugFrameHeaderSize + payload.size(), std::byte{0xAA});
  std::memcpy(frame.data() + kDebugFrameHeaderSize, payload.data(), payload.size());
  WriteDebugFrameHeaders(kHost, kTarget, frame);
  return frame;
}

std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<std::byte> Bytes(std::initializer_list<unsigned> values) {
  std::vector<std::byte> bytes;
  for (const unsigned value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

// The checksums, 0x50cd and 0x8ad2, are from another program.
TEST(DebugFrameTest, HeadersAreThoseOfUdpOverIpv4) {
  const std::vector<std::byte> frame = Frame("abc");
  EXPECT_THAT(frame, ElementsAreArray(Bytes(
                         {0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
                          0x08, 0x00, 0x45, 0x00, 0x00, 0x1F, 0x00, 0x00, 0x00, 0x00, 64,   17,
                          0x50, 0xCD, 0x7F, 0x00, 0x00, 0x01, 0xA9, 0xFE, 0x01, 0x02, 0xC3, 0x50,
                          0xC3, 0x50, 0x00, 0x0B, 0x8A, 0xD2, 'a',  'b',  'c'})));
}

TEST(DebugFrameTest, WhatWasWrittenIsParsed) {
  const std::vector<std::byte> frame = Frame("hello");
  const std::optional<DebugFrame> parsed = ParseDebugFrame(frame);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->source_address, kHost.address);
  EXPECT_EQ(Text(parsed->payload), "hello");
}

TEST(DebugFrameTest, OptionsOfIpv4AreSkipped) {
  std::vector<std::byte> frame = Frame("0123rest");
  frame[kIpLengthAt] = std::byte{0x46};
  const std::optional<DebugFrame> parsed = ParseDebugFrame(frame);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(Text(parsed->payload), "rest");
}

TEST(DebugFrameTest, EmptyPayloadIsParsed) {
  const std::optional<DebugFrame> parsed = ParseDebugFrame(Frame(""));
  ASSERT_TRUE(parsed.has_value());
  EXPECT_TRUE(parsed->payload.empty());
}

TEST(DebugFrameTest, OtherEtherTypesAreNotParsed) {
  std::vector<std::byte> frame = Frame("x");
  frame[13] = std::byte{0x06};
  EXPECT_FALSE(ParseDebugFrame(frame).has_value());
}

TEST(DebugFrameTest, OtherProtocolsAreNotParsed) {
  std::vector<std::byte> frame = Frame("x");
  frame[kProtocolAt] = std::byte{6};
  EXPECT_FALSE(ParseDebugFrame(frame).has_value());
}

TEST(DebugFrameTest, IpHeaderThatIsTooShortIsNotParsed) {
  std::vector<std::byte> frame = Frame("x");
  frame[kIpLengthAt] = std::byte{0x44};
  EXPECT_FALSE(ParseDebugFrame(frame).has_value());
}

TEST(DebugFrameTest, IpHeaderThatReachesBeyondTheFrameIsNotParsed) {
  std::vector<std::byte> frame = Frame("x");
  frame[kIpLengthAt] = std::byte{0x4F};
  EXPECT_FALSE(ParseDebugFrame(frame).has_value());
}

TEST(DebugFrameTest, EveryFrameThatIsCutShortIsNotParsed) {
  const std::vector<std::byte> frame = Frame("");
  for (size_t size = 0; size < frame.size(); ++size) {
    EXPECT_FALSE(ParseDebugFrame(std::span(frame).first(size)).has_value()) << size;
  }
}

// RFC 768: a checksum of zero is sent as all ones.
TEST(DebugFrameTest, ChecksumIsNeverZero) {
  for (unsigned word = 0; word <= 0xFFFF; ++word) {
    const char payload[] = {static_cast<char>(word >> 8), static_cast<char>(word & 0xFF)};
    const std::vector<std::byte> frame = Frame({payload, sizeof(payload)});
    ASSERT_FALSE(frame[40] == std::byte{0} && frame[41] == std::byte{0}) << word;
  }
}

}  // namespace
}  // namespace hvkit::devices
