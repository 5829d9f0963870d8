// The protocol of remote flushes between run loops of several VPs, with guests that are loops.
#include "vcpu/hyperv_kvm/tlb_flush.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/tlb_flusher.h"
#include "hyperv/host/vp_set.h"
#include "testing/status_matchers.h"
#include "vcpu/entry_gate.h"
#include "vcpu/runner.h"
#include "vcpu/vcpu_thread.h"

namespace hvkit::vcpu {
namespace {

using hyperv::VpIndex;

constexpr uint64_t kUsesNone = std::numeric_limits<uint64_t>::max();

// The page table of all guests: a number. A VP that enters the guest with some number in its TLB
// uses that until it has been asked to flush.
struct SharedTable {
  std::atomic<uint64_t> version{1};
};

// Enters through the gate as KvmRunner does; in the guest it waits for an interrupt, or exits by
// itself.
class GuestRunner final : public Runner {
 public:
  enum class Guest : uint8_t { kStays, kHalts, kExits };

  GuestRunner(EntryGate& gate, const SharedTable& table, Guest guest)
      : gate_(gate), table_(table), guest_(guest) {}

  // What the VP does with an exit of its own.
  void OnExit(std::function<RunOutcome()> on_exit) { on_exit_ = std::move(on_exit); }
  uint64_t uses() const { return uses_.load(std::memory_order_relaxed); }
  void WaitUntilInGuest() const { uses_.wait(kUsesNone); }

  RunOutcome Run() override {
    while (!gate_.TryEnter()) tlb_ = table_.version.load(std::memory_order_relaxed);
    uses_.store(tlb_, std::memory_order_relaxed);
    uses_.notify_all();
    if (guest_ == Guest::kStays) interrupted_.wait(0);
    if (guest_ == Guest::kExits) std::this_thread::yield();
    uses_.store(kUsesNone, std::memory_order_relaxed);
    gate_.Leave();
    if (interrupted_.load() != 0) return RunOutcome::kInterrupted;
    return guest_ == Guest::kHalts ? RunOutcome::kHalted : on_exit_();
  }
  void Interrupt() override {
    interrupted_.store(1);
    interrupted_.notify_all();
  }
  void AcknowledgeInterrupt() override { interrupted_.store(0); }
  RunOutcome OnKicked() override { return RunOutcome::kHandled; }
  absl::Status CompletePendingExit() override { return absl::OkStatus(); }
  absl::Status TakeError() override { return absl::OkStatus(); }

 private:
  EntryGate& gate_;
  const SharedTable& table_;
  const Guest guest_;
  std::function<RunOutcome()> on_exit_;
  uint64_t tlb_ = 1;
  std::atomic<uint64_t> uses_{kUsesNone};
  std::atomic<uint32_t> interrupted_{0};
};

class TlbFlushTest : public ::testing::Test {
 protected:
  using Guest = GuestRunner::Guest;
  static constexpr uint32_t kVps = 3;

  void Make(Guest guest) {
    std::vector<EntryGate*> gates;
    for (size_t i = 0; i < kVps; ++i) {
      auto runner = std::make_unique<GuestRunner>(gates_[i], table_, guest);
      runners_[i] = runner.get();
      threads_[i] = std::make_unique<VcpuThread>(std::move(runner));
      gates.push_back(&gates_[i]);
    }
    flusher_.emplace(std::move(gates), [this](VpIndex vp) { threads_[vp.value()]->Kick(); });
  }
  void Start() {
    for (auto& thread : threads_) ASSERT_OK(thread->Start());
  }
  void TearDown() override {
    for (auto& thread : threads_) thread->Stop();
    for (auto& thread : threads_) EXPECT_OK(thread->Join());
  }

  // Changes the table and flushes all VPs; the version that all must use from now on.
  uint64_t ChangeAndFlush(VpIndex caller) {
    const uint64_t version = 1 + table_.version.fetch_add(1, std::memory_order_relaxed);
    EXPECT_EQ(flusher_->Flush({.caller = caller,
                               .vps = hyperv::VpSet::All(kVps),
                               .address_space = std::nullopt,
                               .ranges = {}}),
              hyperv::Progress::kDone);
    return version;
  }
  bool AnyUsesOlderThan(uint64_t version) const {
    for (const GuestRunner* runner : runners_) {
      if (runner->uses() < version) return true;
    }
    return false;
  }

  SharedTable table_;
  std::array<EntryGate, kVps> gates_;
  std::array<GuestRunner*, kVps> runners_{};
  std::array<std::unique_ptr<VcpuThread>, kVps> threads_;
  std::optional<GateTlbFlusher> flusher_;
};

TEST_F(TlbFlushTest, RunningVpsUseNothingOldOnceItIsOver) {
  Make(Guest::kStays);
  ASSERT_NO_FATAL_FAILURE(Start());
  for (int i = 0; i < 200; ++i) {
    for (const GuestRunner* runner : runners_) runner->WaitUntilInGuest();
    ASSERT_FALSE(AnyUsesOlderThan(ChangeAndFlush(VpIndex(0))));
  }
}

TEST_F(TlbFlushTest, HaltedVpsAreNotWaitedForAndFlushBeforeTheyRun) {
  Make(Guest::kHalts);
  ASSERT_NO_FATAL_FAILURE(Start());
  for (int i = 0; i < 200; ++i) {
    const uint64_t version = ChangeAndFlush(VpIndex(0));
    for (auto& thread : threads_) thread->Kick();
    ASSERT_FALSE(AnyUsesOlderThan(version));
  }
}

TEST_F(TlbFlushTest, VpsThatStartLaterFlushFirst) {
  Make(Guest::kStays);
  const uint64_t version = ChangeAndFlush(VpIndex(0));
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const GuestRunner* runner : runners_) {
    runner->WaitUntilInGuest();
    EXPECT_EQ(runner->uses(), version);
  }
}

TEST_F(TlbFlushTest, PausedVpsAreNotWaitedForAndFlushBeforeTheyGoOn) {
  Make(Guest::kStays);
  ASSERT_NO_FATAL_FAILURE(Start());
  for (auto& thread : threads_) ASSERT_OK(thread->Pause());
  const uint64_t version = ChangeAndFlush(VpIndex(0));
  for (auto& thread : threads_) thread->Resume();
  for (const GuestRunner* runner : runners_) {
    runner->WaitUntilInGuest();
    EXPECT_EQ(runner->uses(), version);
  }
}

TEST_F(TlbFlushTest, StoppedVpsAreNotWaitedFor) {
  Make(Guest::kStays);
  ASSERT_NO_FATAL_FAILURE(Start());
  for (auto& thread : threads_) thread->Stop();
  for (auto& thread : threads_) ASSERT_OK(thread->Join());
  ChangeAndFlush(VpIndex(0));
}

// All flush all, each from its own exits, while somebody pauses and resumes them: nobody waits for
// somebody who waits, and nothing old is used.
TEST_F(TlbFlushTest, VpsThatFlushEachOtherAllGoOn) {
  constexpr int kFlushes = 1'000;
  Make(Guest::kExits);
  std::atomic<uint32_t> stale{0};
  for (uint32_t i = 0; i < kVps; ++i) {
    runners_[i]->OnExit([this, i, &stale, left = kFlushes]() mutable {
      if (AnyUsesOlderThan(ChangeAndFlush(VpIndex(i)))) ++stale;
      return --left == 0 ? RunOutcome::kStopped : RunOutcome::kHandled;
    });
  }
  ASSERT_NO_FATAL_FAILURE(Start());
  for (int i = 0; i < 100 && threads_[0]->Pause().ok(); ++i) threads_[0]->Resume();
  for (auto& thread : threads_) ASSERT_OK(thread->Join());
  EXPECT_EQ(stale, 0u);
}

}  // namespace
}  // namespace hvkit::vcpu
