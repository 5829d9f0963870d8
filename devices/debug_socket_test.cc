#include "devices/debug_socket.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "testing/status_matchers.h"

namespace hvkit::devices {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kLoopback = 0x7F000001;

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// A debugger on the loopback, and a socket that is connected to it.
class DebugSocketTest : public ::testing::Test {
 protected:
  DebugSocketTest() : debugger_(::socket(AF_INET, SOCK_DGRAM, 0)) {}
  ~DebugSocketTest() override { ::close(debugger_); }
  void SetUp() override {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(kLoopback);
    ASSERT_EQ(::bind(debugger_, reinterpret_cast<sockaddr*>(&any), sizeof(any)), 0);
    ASSERT_OK_AND_ASSIGN(ours_,
                         DebugSocket::Connect({kLoopback, ntohs(AddressOf(debugger_).sin_port)}));
  }
  static sockaddr_in AddressOf(int fd) {
    sockaddr_in address{};
    socklen_t size = sizeof(address);
    EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    return address;
  }
  static void SendToUs(int from, const DebugSocket& to, std::string_view text) {
    const sockaddr_in address = AddressOf(to.fd());
    EXPECT_EQ(::sendto(from, text.data(), text.size(), 0,
                       reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              static_cast<ssize_t>(text.size()));
  }
  void DebuggerSends(std::string_view text) const { SendToUs(debugger_, *ours_, text); }
  std::string DebuggerReceives() const {
    std::array<char, 256> buffer;
    const ssize_t size = ::recv(debugger_, buffer.data(), buffer.size(), 0);
    return {buffer.data(), static_cast<size_t>(size)};
  }
  // Waits for a datagram.
  std::string Take() const {
    pollfd readable{ours_->fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&readable, 1, 10'000), 1);
    std::array<std::byte, 256> buffer;
    const size_t size = ours_->Receive(buffer);
    return {reinterpret_cast<const char*>(buffer.data()), size};
  }

  const int debugger_;
  std::unique_ptr<DebugSocket> ours_;
};

TEST_F(DebugSocketTest, DatagramsGoBothWays) {
  EXPECT_TRUE(ours_->Send(Bytes("question")));
  EXPECT_EQ(DebuggerReceives(), "question");
  DebuggerSends("answer");
  EXPECT_EQ(Take(), "answer");
}

TEST_F(DebugSocketTest, NothingWaitsAtFirst) {
  std::array<std::byte, 8> buffer;
  EXPECT_EQ(ours_->NextSize(), 0u);
  EXPECT_EQ(ours_->Receive(buffer), 0u);
}

TEST_F(DebugSocketTest, NextSizeIsThatOfTheFirstDatagram) {
  DebuggerSends("four");
  DebuggerSends("and more");
  EXPECT_EQ(ours_->NextSize(), 4u);
  EXPECT_EQ(Take(), "four");
  EXPECT_EQ(ours_->NextSize(), 8u);
}

TEST_F(DebugSocketTest, EmptyDatagramsAreDropped) {
  DebuggerSends("");
  DebuggerSends("x");
  EXPECT_EQ(Take(), "x");
}

TEST_F(DebugSocketTest, WhatDoesNotFitIsLost) {
  DebuggerSends("abcdef");
  DebuggerSends("next");
  std::array<std::byte, 2> small;
  EXPECT_EQ(ours_->Receive(small), 2u);
  EXPECT_EQ(Take(), "next");
}

TEST_F(DebugSocketTest, DatagramsOfOthersAreDropped) {
  const int stranger = ::socket(AF_INET, SOCK_DGRAM, 0);
  SendToUs(stranger, *ours_, "evil");
  ::close(stranger);
  DebuggerSends("good");
  EXPECT_EQ(Take(), "good");
}

TEST_F(DebugSocketTest, DatagramThatIsTooLongIsNotTaken) {
  EXPECT_FALSE(ours_->Send(Bytes(std::string(65'508, 'x'))));
}

TEST(DebugSocketConnectTest, SendingToNobodySucceeds) {
  constexpr uint16_t kDiscard = 9;
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DebugSocket> socket,
                       DebugSocket::Connect({kLoopback, kDiscard}));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(socket->Send(Bytes("anybody there?"))) << i;
}

TEST(DebugSocketConnectTest, PeerThatCannotBeReachedIsRefused) {
  constexpr uint32_t kBroadcast = 0xFFFFFFFF;
  EXPECT_THAT(
      DebugSocket::Connect({kBroadcast, 7}),
      testing::StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("255.255.255.255:7")));
}

}  // namespace
}  // namespace hvkit::devices
