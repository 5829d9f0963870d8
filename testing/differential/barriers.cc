#include "testing/differential/barriers.h"

#include <atomic>

#include "testing/differential/program.h"
#include "testing/differential/settling.h"
#include "testing/differential/steps.h"
#include "testing/guests/lib/smp.h"

namespace hvkit::guest {
namespace {

struct alignas(64) Waiter {
  uint32_t passed;             // barriers, when it came
  std::atomic<bool> is_asked;  // to answer from the barrier that none has passed
  std::atomic<bool> is_back;   // after a reset
  uint64_t digest;
};

constinit uint32_t g_vps = 1;
constinit std::atomic<uint32_t> g_arrived = 0;
constinit std::atomic<uint32_t> g_passed = 0;
constinit Waiter g_waiters[testing::kMaxCpus] = {};

void WaitToPass(Waiter& self) {
  while (g_passed.load() == self.passed) {
    // In this order: one that is asked has been let through the last barrier, and may not know yet.
    if (self.is_asked.load() && g_passed.load() == self.passed) {
      LetInterruptsIn();
      self.is_asked.store(false);
      WakeOthers();
    } else {
      AwaitInterrupt();
    }
  }
}

}  // namespace

void PrepareBarriers(uint32_t cpus) { g_vps = cpus; }

// What is pending gets in before and after, whether or not this processor is the last to come.
void Barrier() {
  LetInterruptsIn();
  if (g_vps == 1) return;
  Waiter& self = g_waiters[ThisVp()];
  self.passed = g_passed.load();
  if (g_arrived.fetch_add(1) + 1 == g_vps) {
    g_arrived.store(0);
    g_passed.store(self.passed + 1);
    WakeOthers();
  } else {
    WaitToPass(self);
  }
  LetInterruptsIn();
}

uint64_t ResetWaiting(unsigned vp, unsigned cpu) {
  Waiter& other = g_waiters[vp];
  other.is_asked.store(true);
  WakeOthers();
  while (other.is_asked.load()) AwaitInterrupt();
  other.is_back.store(false);
  RestartCpu(cpu);
  while (!other.is_back.load()) AwaitInterrupt();
  return other.digest;
}

void BarrierAfterReset() {
  Waiter& self = g_waiters[ThisVp()];
  self.digest = DigestVp();
  self.is_back.store(true);
  WakeOthers();
  WaitToPass(self);
  LetInterruptsIn();
}

}  // namespace hvkit::guest
