// The SynIC between threads: posters, signallers, the VP's own thread, and a guest that takes
// messages and flags on yet another one, as a second VP may. For the thread sanitizer.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/synic/message_port.h"
#include "hyperv/synic/synic.h"
#include "hyperv/synic/test_guest.h"
#include "hyperv/tlfs/synic.h"
#include "testing/fakes/fake_interrupt_sink.h"
#include "testing/fakes/fake_vp_scheduler.h"

namespace hvkit::hyperv {
namespace {

constexpr VpIndex kVp(0);
constexpr uint32_t kScontrol = 0x40000080;
constexpr uint32_t kSiefp = 0x40000082;
constexpr uint32_t kSimp = 0x40000083;
constexpr uint32_t kEom = 0x40000084;
constexpr uint32_t kSint0 = 0x40000090;
constexpr std::array<SintIndex, 2> kSints = {SintIndex::Of<2>(), SintIndex::Of<5>()};

class SynicStressTest : public ::testing::Test {
 protected:
  SynicStressTest() {
    Write(kSimp, TestGuest::kSimpPage | 1);
    Write(kSiefp, TestGuest::kSiefpPage | 1);
    for (const SintIndex sint : kSints) Write(kSint0 + sint.value(), 0x50u + sint.value());
  }
  void Write(uint32_t index, uint64_t value) {
    EXPECT_EQ(synic_.WriteMsr(index, value), MsrOutcome::kHandled);
  }

  // What the VP's thread does: polls when kicked, and writes EOM for the guest.
  void ServeVp() {
    if (eom_.exchange(false)) Write(kEom, 0);
    if (scheduler_.TakePoll(kVp, RefTime(0))) synic_.Poll();
  }
  // Takes a message from the slot, if there is one, and hands its payload to `take`.
  template <typename Take>
  void TakeMessage(SintIndex sint, Take&& take) {
    if (guest_.Type(sint) == 0) return;
    take(guest_.Origin(sint), guest_.Payload(sint, 0));
    if (guest_.Free(sint)) eom_.store(true);
  }

  TestGuest guest_;
  OverlayMap overlays_{guest_.memory()};
  testing::FakeInterruptSink interrupts_;
  testing::FakeVpScheduler scheduler_;
  Synic synic_{{.vp = kVp, .polling = SintPolling::kAbsent, .policy = {}},
               overlays_,
               interrupts_,
               scheduler_};
  std::atomic<bool> eom_{false};
};

// Posts the numbers 1 to `count`, waiting whenever the buffers are all in use.
void PostAll(MessagePort& port, uint64_t count) {
  for (uint64_t number = 1; number <= count; ++number) {
    while (port.Post(tlfs::MessageType{1}, std::as_bytes(std::span(&number, 1))) !=
           PostResult::kPosted) {
      std::this_thread::yield();
    }
  }
}

TEST_F(SynicStressTest, EveryMessageArrivesOnceAndInItsPortsOrder) {
  constexpr uint64_t kMessages = 3000;
  constexpr size_t kPorts = 4;
  std::vector<std::unique_ptr<MessagePort>> ports;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kPorts; ++i) {
    ports.push_back(std::make_unique<MessagePort>(synic_, kSints[i % kSints.size()], i));
    threads.emplace_back([&port = *ports.back()] { PostAll(port, kMessages); });
  }
  std::array<uint64_t, kPorts> last{};
  std::atomic<uint64_t> received{0};
  threads.emplace_back([&] {
    while (received.load() < kPorts * kMessages) {
      for (const SintIndex sint : kSints) {
        TakeMessage(sint, [&](uint64_t port, uint64_t number) {
          EXPECT_EQ(number, last[port] + 1);
          last[port] = number;
          received.fetch_add(1);
        });
      }
      std::this_thread::yield();
    }
  });
  while (received.load() < kPorts * kMessages) {
    ServeVp();
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  for (const uint64_t number : last) EXPECT_EQ(number, kMessages);
}

TEST_F(SynicStressTest, EachNewlySetFlagIsTakenOnceAndInterruptsOnce) {
  constexpr int kSignals = 20'000;
  std::atomic<uint64_t> newly_set{0};
  std::atomic<int> running{2};
  std::vector<std::thread> threads;
  for (uint32_t thread = 0; thread < 2; ++thread) {
    threads.emplace_back([&, thread] {
      for (uint32_t i = 0; i < kSignals; ++i) {
        const SignalResult result = synic_.SignalEvent(kSints[0], (i * 7 + thread) % 64);
        if (result == SignalResult::kNewlySet) newly_set.fetch_add(1);
      }
      running.fetch_sub(1);
    });
  }
  uint64_t taken = 0;
  while (running.load() != 0) {
    taken += static_cast<uint64_t>(__builtin_popcountll(guest_.TakeFlags(kSints[0], 0)));
  }
  for (std::thread& thread : threads) thread.join();
  taken += static_cast<uint64_t>(__builtin_popcountll(guest_.TakeFlags(kSints[0], 0)));
  EXPECT_EQ(taken, newly_set.load());
  EXPECT_EQ(interrupts_.pending(), newly_set.load());
}

TEST_F(SynicStressTest, PostersAndSignallersRaceWithTheVpsRegisterWrites) {
  constexpr int kRounds = 1000;
  std::atomic<bool> done{false};
  MessagePort port(synic_, kSints[0], 1);
  std::thread poster([&] {
    while (!done.load()) {
      (void)port.Post(tlfs::MessageType{1}, {});
      MessagePort passing(synic_, kSints[1], 2);
      (void)passing.Post(tlfs::MessageType{1}, {});
    }
  });
  std::thread signaller([&] {
    for (uint32_t flag = 0; !done.load(); ++flag) (void)synic_.SignalEvent(kSints[0], flag % 2048);
  });
  for (int round = 0; round < kRounds; ++round) {
    Write(kSiefp, TestGuest::kSiefpPage | static_cast<uint64_t>(round % 2));
    Write(kSimp, TestGuest::kSimpPage | static_cast<uint64_t>(round % 3 != 0));
    Write(kScontrol, static_cast<uint64_t>(round % 5 != 0));
    Write(kSint0 + kSints[0].value(), round % 2 == 0 ? 0x10052 : 0x52);
    ServeVp();
    for (const SintIndex sint : kSints) TakeMessage(sint, [](uint64_t, uint64_t) {});
    if (round % 100 == 0) synic_.Reset();
  }
  done.store(true);
  poster.join();
  signaller.join();
  synic_.Reset();
  EXPECT_EQ(synic_.ReadMsr(kSimp).value, 0u);
}

}  // namespace
}  // namespace hvkit::hyperv
