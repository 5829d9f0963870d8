#include "vcpu/entry_gate.h"

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace hvkit::vcpu {
namespace {

TEST(EntryGateTest, EntersWhenNothingIsRequested) {
  EntryGate gate;
  EXPECT_TRUE(gate.TryEnter());
  gate.Leave();
  EXPECT_TRUE(gate.TryEnter());
}

TEST(EntryGateTest, RequestOfOneOutsideIsSeenByTheNextEntryOnce) {
  EntryGate gate;
  EXPECT_FALSE(gate.Request().in_guest);
  EXPECT_FALSE(gate.TryEnter());
  EXPECT_TRUE(gate.TryEnter());
}

TEST(EntryGateTest, RefusedEntryIsOutside) {
  EntryGate gate;
  gate.Request();
  EXPECT_FALSE(gate.TryEnter());
  EXPECT_FALSE(gate.Request().in_guest);
}

TEST(EntryGateTest, OnlyTheFirstOfTwoRequestsIsToKick) {
  EntryGate gate;
  ASSERT_TRUE(gate.TryEnter());
  EXPECT_TRUE(gate.Request().first);
  EXPECT_FALSE(gate.Request().first);
  gate.Leave();
  EXPECT_FALSE(gate.TryEnter());
  ASSERT_TRUE(gate.TryEnter());
  EXPECT_TRUE(gate.Request().first);
}

TEST(EntryGateTest, VisitIsOverOnceItLeftThoughItIsInsideAgain) {
  EntryGate gate;
  ASSERT_TRUE(gate.TryEnter());
  const EntryGate::Visit visit = gate.Request();
  ASSERT_TRUE(visit.in_guest);
  gate.Leave();
  EXPECT_FALSE(gate.TryEnter());
  ASSERT_TRUE(gate.TryEnter());
  gate.WaitUntilLeft(visit.entry);
}

TEST(EntryGateTest, WaiterWakesWhenTheVpLeaves) {
  EntryGate gate;
  ASSERT_TRUE(gate.TryEnter());
  const EntryGate::Visit visit = gate.Request();
  std::thread waiter([&] { gate.WaitUntilLeft(visit.entry); });
  gate.Leave();
  waiter.join();
}

// A guest: it reads its translation through what it has cached, and caches anew only when a flush
// was requested. Whoever has changed a translation and waited must never see the old one in use.
class FakeVp {
 public:
  void Run(const std::atomic<bool>& stop) {
    while (!stop.load(std::memory_order_relaxed)) {
      while (!gate_.TryEnter()) cached_ = page_table_;
      used_.store(cached_, std::memory_order_release);
      gate_.Leave();
    }
  }

  // Plain, as a guest's page table is: the gate alone orders its writer and its reader.
  void Change(uint64_t value) { page_table_ = value; }
  EntryGate& gate() { return gate_; }
  uint64_t used() const { return used_.load(std::memory_order_acquire); }

 private:
  EntryGate gate_;
  uint64_t page_table_ = 0;
  uint64_t cached_ = 0;
  std::atomic<uint64_t> used_{0};
};

// The flusher changes a table only once the VP has taken the request before: the VP reads it then.
TEST(EntryGateTest, NoStaleTranslationIsUsedAfterAWait) {
  FakeVp vp;
  std::atomic<bool> stop{false};
  std::thread thread([&] { vp.Run(stop); });
  for (uint64_t value = 1; value <= 1'000; ++value) {
    vp.Change(value);
    const EntryGate::Visit visit = vp.gate().Request();
    if (visit.in_guest) vp.gate().WaitUntilLeft(visit.entry);
    // From now on nothing older may come into use; what was stored last may still be of the visit.
    while (vp.used() != value) std::this_thread::yield();
  }
  stop = true;
  thread.join();
}

// Two VPs that flush each other all the time. They are out of the guest while they ask, so neither
// waits for the other.
TEST(EntryGateTest, TwoInitiatorsDoNotWaitForEachOther) {
  EntryGate gates[2];
  uint64_t served[2] = {};
  const auto run = [&](size_t self) {
    EntryGate& other = gates[1 - self];
    for (int i = 0; i < 5'000; ++i) {
      while (!gates[self].TryEnter()) ++served[self];
      gates[self].Leave();
      const EntryGate::Visit visit = other.Request();
      if (visit.in_guest) other.WaitUntilLeft(visit.entry);
    }
  };
  std::thread first(run, 0);
  std::thread second(run, 1);
  first.join();
  second.join();
  EXPECT_GT(served[0] + served[1], 0u);
}

}  // namespace
}  // namespace hvkit::vcpu
