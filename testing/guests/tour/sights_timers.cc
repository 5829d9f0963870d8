// Synthetic timers, in both modes.

#include <atomic>

#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/synic.h"
#include "testing/guests/tour/clock.h"
#include "testing/guests/tour/sights.h"

namespace hvkit::guest {
namespace {

using tlfs::MsrIndex;

constexpr unsigned kTimer = 0;
constexpr unsigned kSint = 5;
constexpr uint8_t kMessageVector = 0x58;
constexpr uint8_t kDirectVector = 0x59;
constexpr uint64_t kTimes = 16;
constexpr uint64_t kNsPerTick = 100;

constinit std::atomic<uint64_t> g_signals = 0;
constinit std::atomic<uint64_t> g_handled_at = 0;
constinit std::atomic<uint64_t> g_delivery_delay = 0;  // by the messages, in all

// Whether or not there is a TSC page.
uint64_t RefCount() { return ReadMsr(MsrIndex::kTimeRefCount).value; }

void OnMessage() {
  g_handled_at = RefCount();
  const TimerMessage message = ReadTimerMessage(0, kSint);
  if (message.present) {
    g_delivery_delay += message.payload.delivery_time - message.payload.expiration_time;
    ++g_signals;
  }
  FreeSlot(0, kSint);
}

void OnDirect() {
  g_handled_at = RefCount();
  ++g_signals;
}

// One after the other, a millisecond ahead each; by how much the handlers were late.
Amount RunTimer(Visit& visit, tlfs::StimerConfig config) {
  g_signals = g_delivery_delay = 0;
  uint64_t late = 0;
  for (uint64_t i = 1; i <= kTimes; ++i) {
    SetTimerConfig(kTimer, config);
    const uint64_t due = RefCount() + kTicksPerMs;
    SetTimerCount(kTimer, due);
    if (!WaitUntil([i] { return g_signals >= i; })) {
      visit.Fail("a timer did not expire");
      break;
    }
    if (g_handled_at < due) {
      visit.Fail("a timer expired early");
      break;
    }
    late += g_handled_at - due;
  }
  SetTimerConfig(kTimer, {});
  return Whole(late * kNsPerTick / kTimes, "ns");
}

void Describe(Visit& visit, Amount late) {
  visit.did().AppendDecimal(g_signals).Append(" times a timer was set 1 ms ahead: ");
  Append(visit.did().Append("its handler ran "), late).Append(" late in the mean");
  visit.Measure("handler late by", late);
}

}  // namespace

void PrepareTimers() {
  SetIrqHandler(kMessageVector, OnMessage);
  SetIrqHandler(kDirectVector, OnDirect);
}

void VisitTimer(Visit& visit) {
  SetSint(kSint, SintWithVector(kMessageVector));
  Describe(visit, RunTimer(visit, MessageTimer(kSint)));
  SetSint(kSint, {});
  const Amount sent = Whole(g_delivery_delay * kNsPerTick / kTimes, "ns");
  Append(visit.did().Append("; its message was sent "), sent).Append(" late");
  visit.Measure("message sent late by", sent);
}

void VisitDirectTimer(Visit& visit) {
  Describe(visit, RunTimer(visit, DirectTimer(kDirectVector)));
  visit.did().Append(", without a message");
}

}  // namespace hvkit::guest
