#include "vmm/syndbg.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "hyperv/tlfs/syndbg.h"
#include "testing/fakes/fake_guest_memory.h"
#include "testing/status_matchers.h"

namespace hvkit::vmm {
namespace {

using hyperv::Gpa;
using hyperv::SyndbgRegisters;
using hyperv::VpIndex;
using hyperv::tlfs::HvStatus;
using hyperv::tlfs::SyndbgControl;
using hyperv::tlfs::SyndbgStatus;

constexpr uint32_t kLoopback = 0x7F000001;
constexpr uint32_t kTargetAddress = 0xA9FE0102;
constexpr uint64_t kSendPage = 0x1000;
constexpr uint64_t kReceivePage = 0x2000;
constexpr uint64_t kPendingByte = 0x3000;
constexpr uint64_t kRamPages = 16;
constexpr uint64_t kRamEnd = kRamPages * hyperv::kPageSize;
constexpr VpIndex kVp{0};

// A debugger on the loopback, a guest's memory, and what is between them.
class SyndbgTest : public ::testing::Test {
 protected:
  SyndbgTest() : debugger_(::socket(AF_INET, SOCK_DGRAM, 0)) {
    memory_.MapRam(*hyperv::Gpn::FromGuest(0), kRamPages);
  }
  ~SyndbgTest() override { ::close(debugger_); }
  void SetUp() override {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(kLoopback);
    socklen_t size = sizeof(address);
    ASSERT_EQ(::bind(debugger_, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::getsockname(debugger_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    ASSERT_OK_AND_ASSIGN(syndbg_, Syndbg::Create({kLoopback, port_}, memory_));
  }

  // What the guest does by MSR.
  SyndbgStatus Send(std::string_view payload, uint64_t page = kSendPage) {
    EXPECT_EQ(memory_.Write(Gpa(kSendPage), std::as_bytes(std::span(payload))),
              hyperv::MemFault::kNone);
    SyndbgControl control;
    SyndbgControl::Send::Set(control, 1);
    SyndbgControl::SendSize::Set(control, payload.size());
    return {syndbg_->OnControl(kVp, {.control = control.raw, .send_page = page})};
  }
  SyndbgStatus Receive(uint64_t page = kReceivePage) {
    SyndbgControl control;
    SyndbgControl::Receive::Set(control, 1);
    return {syndbg_->OnControl(kVp, {.control = control.raw, .receive_page = page})};
  }
  // Polls as a guest does, until the byte has the value.
  void AwaitPending(uint8_t value) const {
    std::byte pending{};
    do {
      ASSERT_EQ(memory_.Read(Gpa(kPendingByte), std::span(&pending, 1)), hyperv::MemFault::kNone);
      std::this_thread::yield();
    } while (std::to_integer<uint8_t>(pending) != value);
  }
  std::string Ram(uint64_t at, size_t size) const {
    std::string text(size, '\0');
    EXPECT_EQ(memory_.Read(Gpa(at), std::as_writable_bytes(std::span(text))),
              hyperv::MemFault::kNone);
    return text;
  }

  // What the debugger does; it answers the last packet's sender.
  std::string DebuggerReceives() {
    std::array<char, 8192> buffer;
    socklen_t size = sizeof(guest_);
    const ssize_t got = ::recvfrom(debugger_, buffer.data(), buffer.size(), 0,
                                   reinterpret_cast<sockaddr*>(&guest_), &size);
    return {buffer.data(), static_cast<size_t>(got)};
  }
  // The guest's packet, so that the debugger knows its address.
  void Greet() {
    ASSERT_EQ(SyndbgStatus::SendSuccess::Get(Send("hello")), 1u);
    ASSERT_EQ(DebuggerReceives(), "hello");
  }
  void DebuggerSends(std::string_view text) const {
    ASSERT_EQ(::sendto(debugger_, text.data(), text.size(), 0,
                       reinterpret_cast<const sockaddr*>(&guest_), sizeof(guest_)),
              static_cast<ssize_t>(text.size()));
  }

  const int debugger_;
  uint16_t port_ = 0;
  sockaddr_in guest_{};
  ::hvkit::testing::FakeGuestMemory memory_;
  std::unique_ptr<Syndbg> syndbg_;
};

std::vector<std::byte> Frame(std::string_view payload) {
  std::vector<std::byte> frame(devices::kDebugFrameHeaderSize + payload.size());
  std::memcpy(frame.data() + devices::kDebugFrameHeaderSize, payload.data(), payload.size());
  devices::WriteDebugFrameHeaders({kTargetAddress, 50000}, {kLoopback, 50000}, frame);
  return frame;
}

TEST_F(SyndbgTest, PacketSentByMsrIsADatagram) {
  const SyndbgStatus status = Send("packet");
  EXPECT_EQ(status.raw, SyndbgStatus::SendSuccess::kMask);
  EXPECT_EQ(DebuggerReceives(), "packet");
}

TEST_F(SyndbgTest, DatagramIsReceivedByMsr) {
  Greet();
  DebuggerSends("answer");
  const SyndbgStatus status = Receive();
  EXPECT_EQ(SyndbgStatus::ReceiveSuccess::Get(status), 1u);
  EXPECT_EQ(SyndbgStatus::ReceivedSize::Get(status), 6u);
  EXPECT_EQ(Ram(kReceivePage, 6), "answer");
}

TEST_F(SyndbgTest, NothingToReceiveIsStatusZero) { EXPECT_EQ(Receive().raw, 0u); }

TEST_F(SyndbgTest, NoCommandIsStatusZero) {
  EXPECT_EQ(syndbg_->OnControl(kVp, SyndbgRegisters{}), 0u);
}

TEST_F(SyndbgTest, SendingFromBeyondMemoryIsStatusZero) {
  EXPECT_EQ(Send("packet", kRamEnd - 3).raw, 0u);
}

TEST_F(SyndbgTest, ReceivingToBeyondMemoryIsStatusZero) {
  Greet();
  DebuggerSends("answer");
  EXPECT_EQ(Receive(kRamEnd - 3).raw, 0u);
  EXPECT_EQ(Ram(kRamEnd - 3, 3), std::string(3, '\0'));
}

TEST_F(SyndbgTest, ReceivedPacketIsCutToWhatFitsWithHeaders) {
  Greet();
  DebuggerSends(std::string(5000, 'x'));
  EXPECT_EQ(SyndbgStatus::ReceivedSize::Get(Receive()), 4054u);
}

TEST_F(SyndbgTest, GuestIsToldWhileAPacketWaits) {
  Greet();
  syndbg_->OnPendingBuffer(kVp, {.pending_page = kPendingByte});
  AwaitPending(0);
  DebuggerSends("one");
  AwaitPending(1);
  EXPECT_EQ(SyndbgStatus::ReceivedSize::Get(Receive()), 3u);
  AwaitPending(0);
  DebuggerSends("two");
  AwaitPending(1);
}

TEST_F(SyndbgTest, GuestIsToldAgainIfMoreWaits) {
  Greet();
  syndbg_->OnPendingBuffer(kVp, {.pending_page = kPendingByte});
  DebuggerSends("one");
  DebuggerSends("two");
  AwaitPending(1);
  EXPECT_EQ(SyndbgStatus::ReceivedSize::Get(Receive()), 3u);
  AwaitPending(1);
}

TEST_F(SyndbgTest, PendingByteNamedLateIsSetAtOnce) {
  Greet();
  DebuggerSends("early");
  syndbg_->OnPendingBuffer(kVp, {.pending_page = kPendingByte});
  AwaitPending(1);
}

TEST_F(SyndbgTest, EmptyDatagramsDoNotHideOthers) {
  Greet();
  syndbg_->OnPendingBuffer(kVp, {.pending_page = kPendingByte});
  for (int i = 0; i < 200; ++i) DebuggerSends("");
  DebuggerSends("full");
  AwaitPending(1);
  EXPECT_EQ(SyndbgStatus::ReceivedSize::Get(Receive()), 4u);
}

TEST_F(SyndbgTest, PendingByteBeyondMemoryIsHarmless) {
  Greet();
  syndbg_->OnPendingBuffer(kVp, {.pending_page = kRamEnd});
  DebuggerSends("one");
  syndbg_->OnPendingBuffer(kVp, {.pending_page = kPendingByte});
  AwaitPending(1);
}

TEST_F(SyndbgTest, PacketPostedByHypercallLosesItsHeaders) {
  uint32_t unsent = 1;
  EXPECT_EQ(syndbg_->Post(Frame("packet"), unsent), HvStatus::kSuccess);
  EXPECT_EQ(unsent, 0u);
  EXPECT_EQ(DebuggerReceives(), "packet");
}

TEST_F(SyndbgTest, PostedBytesThatAreNoPacketAreDropped) {
  uint32_t unsent = 1;
  const std::array<std::byte, 64> noise{};
  EXPECT_EQ(syndbg_->Post(noise, unsent), HvStatus::kSuccess);
  EXPECT_EQ(unsent, 0u);
  Greet();
}

TEST_F(SyndbgTest, DatagramRetrievedByHypercallHasHeadersForTheGuest) {
  uint32_t unsent = 0;
  ASSERT_EQ(syndbg_->Post(Frame("question"), unsent), HvStatus::kSuccess);
  ASSERT_EQ(DebuggerReceives(), "question");
  DebuggerSends("answer");
  std::array<std::byte, 4088> packet;
  uint32_t received = 0;
  ASSERT_EQ(syndbg_->Retrieve(packet, received), HvStatus::kSuccess);
  std::vector<std::byte> expected(devices::kDebugFrameHeaderSize + 6);
  std::memcpy(expected.data() + devices::kDebugFrameHeaderSize, "answer", 6);
  devices::WriteDebugFrameHeaders({kLoopback, port_}, {kTargetAddress, port_}, expected);
  ASSERT_EQ(received, expected.size());
  EXPECT_EQ(std::memcmp(packet.data(), expected.data(), expected.size()), 0);
}

TEST_F(SyndbgTest, RetrieveOfNothingIsNoData) {
  std::array<std::byte, 128> packet;
  uint32_t received = 1;
  EXPECT_EQ(syndbg_->Retrieve(packet, received), HvStatus::kNoData);
  EXPECT_EQ(received, 0u);
}

TEST_F(SyndbgTest, RetrieveWithoutRoomForHeadersTakesNothing) {
  Greet();
  DebuggerSends("kept");
  std::array<std::byte, devices::kDebugFrameHeaderSize> packet;
  uint32_t received = 0;
  EXPECT_EQ(syndbg_->Retrieve(packet, received), HvStatus::kNoData);
  EXPECT_EQ(SyndbgStatus::ReceivedSize::Get(Receive()), 4u);
}

TEST_F(SyndbgTest, ResetTellsTheDebuggersAddress) {
  hyperv::tlfs::ResetDebugSessionOutput session;
  ASSERT_EQ(syndbg_->Reset({}, session), HvStatus::kSuccess);
  EXPECT_EQ(session.host_ip, kLoopback);
  EXPECT_EQ(session.host_port, port_);
  EXPECT_EQ(session.target_ip, kLoopback);
  EXPECT_EQ(session.target_port, port_);
}

TEST_F(SyndbgTest, ResetDropsWhatWaitsIfAskedTo) {
  Greet();
  DebuggerSends("one");
  DebuggerSends("two");
  hyperv::tlfs::ResetDebugSessionOutput session;
  ASSERT_EQ(syndbg_->Reset({hyperv::tlfs::ResetDebugSessionInput::PurgeIncoming::kMask}, session),
            HvStatus::kSuccess);
  EXPECT_EQ(Receive().raw, 0u);
}

TEST_F(SyndbgTest, ResetKeepsWhatWaitsOtherwise) {
  Greet();
  DebuggerSends("kept");
  hyperv::tlfs::ResetDebugSessionOutput session;
  ASSERT_EQ(syndbg_->Reset({}, session), HvStatus::kSuccess);
  EXPECT_EQ(SyndbgStatus::ReceivedSize::Get(Receive()), 4u);
}

}  // namespace
}  // namespace hvkit::vmm
