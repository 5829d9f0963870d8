// Connections between threads: VPs that post and signal while a host connects, deletes ports and
// breaks connections, and while handlers go. For the thread and address sanitizers.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/synic/connection_handlers.h"
#include "hyperv/synic/message_port.h"
#include "hyperv/synic/synic.h"
#include "hyperv/synic/synic_ports.h"
#include "hyperv/synic/test_guest.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"
#include "testing/fakes/fake_interrupt_sink.h"
#include "testing/fakes/fake_vp_scheduler.h"
#include "testing/status_matchers.h"

namespace hvkit::hyperv {
namespace {

using tlfs::HvStatus;

constexpr tlfs::MessageType kType{1};
constexpr uint32_t kIds = 8;

// A device of one connection, which must not be called for another, nor when it is gone.
class Device : public MessageHandler, public EventHandler {
 public:
  explicit Device(uint32_t id) : id_(id) {}
  ~Device() override { id_ = ~0u; }

  HvStatus OnMessage(VpIndex, tlfs::MessageType, std::span<const std::byte> payload) override {
    return payload.size() == id_ ? HvStatus::kSuccess : HvStatus::kOperationFailed;
  }
  HvStatus OnEvent(VpIndex, uint16_t flag) override {
    return flag == id_ ? HvStatus::kSuccess : HvStatus::kOperationFailed;
  }

 private:
  uint32_t id_;
};

bool IsExpected(HvStatus status) {
  return status == HvStatus::kSuccess || status == HvStatus::kInvalidConnectionId ||
         status == HvStatus::kInvalidPortId;
}

// Uses the connections as the guest of VP `vp` does, until told to stop; how often it went wrong.
int UseAll(SynicPorts& ports, VpIndex vp, const std::atomic<bool>& done) {
  constexpr std::array<std::byte, kIds> kPayload{};
  int wrong = 0;
  while (!done.load()) {
    for (uint32_t id = 0; id < kIds; ++id) {
      const auto payload = std::span(kPayload).first(id);
      if (!IsExpected(ports.PostMessage(vp, id, kType, payload))) ++wrong;
      if (!IsExpected(ports.SignalEvent(vp, id, static_cast<uint16_t>(id)))) ++wrong;
    }
    std::this_thread::yield();
  }
  return wrong;
}

// Makes a connection and a device for it, and ends both.
void ConnectOnce(SynicPorts& ports, uint32_t id, int round) {
  Device device(id);
  absl::StatusOr<Connection> connection =
      round % 2 == 0 ? ports.ConnectMessages(id, device) : ports.ConnectEvents(id, device);
  EXPECT_OK(connection);
  std::this_thread::yield();
  if (connection.ok() && round % 3 == 0) connection->DeletePort();
}

TEST(SynicPortsStressTest, CallsGoToTheirOwnHandlerOrToNone) {
  SynicPorts ports(kIds);
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> vps;
  for (uint32_t vp = 0; vp < 2; ++vp) {
    vps.emplace_back([&, vp] { wrong += UseAll(ports, VpIndex(vp), done); });
  }
  std::vector<std::thread> hosts;
  for (uint32_t host = 0; host < 2; ++host) {
    hosts.emplace_back([&, host] {
      for (int round = 0; round < 500; ++round) {
        ConnectOnce(ports, host * kIds / 2 + static_cast<uint32_t>(round) % (kIds / 2), round);
      }
    });
  }
  for (std::thread& host : hosts) host.join();
  done.store(true);
  for (std::thread& vp : vps) vp.join();
  EXPECT_EQ(wrong.load(), 0);
}

// Two VPs post to a third, whose slot is nearly always busy, and try again when told to.
class BusySlotStressTest : public ::testing::Test {
 protected:
  static constexpr VpIndex kTarget{2};
  static constexpr SintIndex kSint = SintIndex::Of<2>();
  static constexpr uint64_t kMessages = 20'000;

  BusySlotStressTest() { Write(tlfs::MsrIndex::kSimp, TestGuest::kSimpPage | 1); }
  void Write(tlfs::MsrIndex index, uint64_t value) {
    EXPECT_EQ(synic_.WriteMsr(static_cast<uint32_t>(index), value), MsrOutcome::kHandled);
  }
  // Posts the numbers 1 to kMessages to the connection of the VP's number.
  void PostAll(VpIndex vp) {
    for (uint64_t number = 1; number <= kMessages;) {
      const HvStatus status =
          ports_.PostMessage(vp, vp.value(), kType, std::as_bytes(std::span(&number, 1)));
      if (status == HvStatus::kSuccess) {
        ++number;
      } else {
        EXPECT_EQ(status, HvStatus::kInsufficientBuffers);
        std::this_thread::yield();
      }
    }
  }
  // The target's turn: takes the message that is there and writes EOM if asked to.
  void Serve(std::array<uint64_t, 2>& last) {
    if (scheduler_.TakePoll(kTarget, RefTime(0))) synic_.Poll();
    if (guest_.Type(kSint) == 0) return std::this_thread::yield();
    uint64_t& previous = last[guest_.Origin(kSint)];
    EXPECT_EQ(guest_.Payload(kSint, 0), previous + 1);
    ++previous;
    if (guest_.Free(kSint)) Write(tlfs::MsrIndex::kEom, 0);
  }

  TestGuest guest_;
  OverlayMap overlays_{guest_.memory()};
  testing::FakeInterruptSink interrupts_;
  testing::FakeVpScheduler scheduler_;
  Synic synic_{{.vp = kTarget, .polling = SintPolling::kAbsent, .policy = {}},
               overlays_,
               interrupts_,
               scheduler_};
  SynicPorts ports_;
};

TEST_F(BusySlotStressTest, EveryMessageArrivesOnceAndInItsConnectionsOrder) {
  MessagePort first(synic_, kSint, 0);
  MessagePort second(synic_, kSint, 1);
  ASSERT_OK_AND_ASSIGN(const Connection to_first, ports_.ConnectMessages(0, first));
  ASSERT_OK_AND_ASSIGN(const Connection to_second, ports_.ConnectMessages(1, second));
  std::thread vp0([&] { PostAll(VpIndex(0)); });
  std::thread vp1([&] { PostAll(VpIndex(1)); });
  std::array<uint64_t, 2> last{};
  while (last[0] < kMessages || last[1] < kMessages) Serve(last);
  vp0.join();
  vp1.join();
  synic_.Poll();
  EXPECT_EQ(guest_.Type(kSint), 0u);
}

}  // namespace
}  // namespace hvkit::hyperv
