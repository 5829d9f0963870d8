// The device on the model's SynICs: what a guest's VPs send each other through it arrives. Each VP
// is a thread. For the thread sanitizer.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <thread>

#include "devices/hyperv_testdev.h"
#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/synic/model_synic.h"
#include "hyperv/synic/synic.h"
#include "hyperv/synic/synic_ports.h"
#include "hyperv/synic/test_guest.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"
#include "testing/fakes/fake_interrupt_sink.h"
#include "testing/fakes/fake_vp_scheduler.h"

namespace hvkit::devices {
namespace {

using hyperv::RefTime;
using hyperv::SintIndex;
using hyperv::Synic;
using hyperv::TestGuest;
using hyperv::VpIndex;
using hyperv::tlfs::HvStatus;
using hyperv::tlfs::MessageType;
using hyperv::tlfs::MsrIndex;

constexpr uint32_t kVps = 2;
constexpr uint32_t kMessageConnection = 0x10;  // And the VP's index
constexpr uint32_t kEventConnection = 0x20;
constexpr SintIndex kMessageSint = SintIndex::Of<8>();
constexpr SintIndex kEventSint = SintIndex::Of<9>();

// A VP with its pages enabled and its two SINTs unmasked. VP thread, save its SynIC.
class Vp {
 public:
  Vp(uint32_t index, testing::FakeVpScheduler& scheduler)
      : index_(index),
        scheduler_(scheduler),
        synic_({.vp = index_, .polling = hyperv::SintPolling::kAbsent, .policy = {}}, overlays_,
               interrupts_, scheduler) {
    Write(MsrIndex::kSimp, TestGuest::kSimpPage | 1);
    Write(MsrIndex::kSiefp, TestGuest::kSiefpPage | 1);
    for (const SintIndex sint : {kMessageSint, kEventSint}) Unmask(sint);
  }

  VpIndex index() const { return index_; }
  Synic& synic() { return synic_; }
  TestGuest& guest() { return guest_; }
  size_t interrupts() const { return interrupts_.pending(); }

  // The VP's turn; the number in the message that has come, if one has.
  std::optional<uint64_t> Receive() {
    if (scheduler_.TakePoll(index_, RefTime(0))) synic_.Poll();
    if (guest_.Type(kMessageSint) == 0) return std::nullopt;
    const uint64_t number = guest_.Payload(kMessageSint, 0);
    if (guest_.Free(kMessageSint)) Write(MsrIndex::kEom, 0);
    return number;
  }

 private:
  void Write(MsrIndex index, uint64_t value) {
    EXPECT_EQ(synic_.WriteMsr(static_cast<uint32_t>(index), value), hyperv::MsrOutcome::kHandled);
  }
  void Unmask(SintIndex sint) {
    EXPECT_EQ(synic_.WriteMsr(static_cast<uint32_t>(MsrIndex::kSint0) + sint.value(), 0x52),
              hyperv::MsrOutcome::kHandled);
  }

  const VpIndex index_;
  testing::FakeVpScheduler& scheduler_;
  TestGuest guest_;
  hyperv::OverlayMap overlays_{guest_.memory()};
  testing::FakeInterruptSink interrupts_;
  Synic synic_;
};

// A message and an event connection to each VP, made by the guest.
class HypervTestdevLoopTest : public ::testing::Test {
 protected:
  HypervTestdevLoopTest() {
    for (uint32_t vp = 0; vp < kVps; ++vp) {
      Command(4, kMessageSint, vp, kMessageConnection + vp);
      Command(6, kEventSint, vp, kEventConnection + vp);
    }
  }
  void Command(uint32_t command, SintIndex sint, uint32_t vp, uint32_t connection) {
    const uint32_t word = sint.value() | vp << 8 | command << 16 | connection << 24;
    device_.Write(0, std::as_bytes(std::span(&word, 1)));
  }
  HvStatus Post(const Vp& from, uint32_t to, uint64_t number) {
    return ports_.PostMessage(from.index(), kMessageConnection + to, MessageType{1},
                              std::as_bytes(std::span(&number, 1)));
  }
  // Sends `count` numbers to the other VP, and receives as many from it.
  void Talk(Vp& vp, uint64_t count) {
    const uint32_t other = kVps - 1 - vp.index().value();
    uint64_t sent = 0;
    for (uint64_t received = 0; sent < count || received < count;) {
      if (sent < count && Post(vp, other, sent + 1) == HvStatus::kSuccess) ++sent;
      if (const std::optional<uint64_t> number = vp.Receive()) {
        EXPECT_EQ(*number, ++received);
      } else {
        std::this_thread::yield();
      }
    }
  }

  testing::FakeVpScheduler scheduler_;
  std::array<Vp, kVps> vps_{Vp(0, scheduler_), Vp(1, scheduler_)};
  hyperv::SynicPorts ports_;
  hyperv::ModelSynic synic_{
      [this](VpIndex vp) { return vp.value() < kVps ? &vps_[vp.value()].synic() : nullptr; },
      ports_};
  HypervTestdev device_{synic_};
};

TEST_F(HypervTestdevLoopTest, MessageToABusySlotWaitsForTheGuest) {
  Vp& vp = vps_[1];
  EXPECT_EQ(Post(vps_[0], 1, 1), HvStatus::kSuccess);
  vp.synic().Poll();
  EXPECT_EQ(Post(vps_[0], 1, 2), HvStatus::kSuccess);
  vp.synic().Poll();
  EXPECT_TRUE(vp.guest().IsPending(kMessageSint));
  EXPECT_EQ(vp.interrupts(), 1u);
  EXPECT_EQ(vp.Receive(), 1u);
  EXPECT_EQ(vp.interrupts(), 2u);
  EXPECT_EQ(vp.Receive(), 2u);
}

TEST_F(HypervTestdevLoopTest, EventSetsItsFlagAndInterruptsOnce) {
  constexpr uint32_t kConnection = kEventConnection + 1;
  EXPECT_EQ(ports_.SignalEvent(VpIndex(0), kConnection, 0), HvStatus::kSuccess);
  EXPECT_EQ(ports_.SignalEvent(VpIndex(1), kConnection, 0), HvStatus::kSuccess);
  EXPECT_EQ(vps_[1].guest().Flags(kEventSint, 0), uint64_t{1} << kConnection);
  EXPECT_EQ(vps_[1].interrupts(), 1u);
  EXPECT_EQ(vps_[0].interrupts(), 0u);
}

TEST_F(HypervTestdevLoopTest, DestroyedConnectionsAreInvalid) {
  Command(5, kMessageSint, 0, kMessageConnection);
  Command(7, kMessageSint, 0, kEventConnection);
  EXPECT_EQ(Post(vps_[1], 0, 1), HvStatus::kInvalidConnectionId);
  EXPECT_EQ(ports_.SignalEvent(VpIndex(1), kEventConnection, 0), HvStatus::kInvalidConnectionId);
}

TEST_F(HypervTestdevLoopTest, VpsThatTalkToEachOtherLoseNothing) {
  constexpr uint64_t kMessages = 20'000;
  std::thread first([&] { Talk(vps_[0], kMessages); });
  Talk(vps_[1], kMessages);
  first.join();
}

}  // namespace
}  // namespace hvkit::devices
