// Storms from all processors at all processors: messages, events, interrupts, flushes, timers with
// the shortest period; and calls whose input others change while they run. `rounds=N` of some 10
// calls.

#include <atomic>
#include <cstring>

#include "hyperv/tlfs/hypercall.h"
#include "testing/guests/lib/apic.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/layout.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"
#include "testing/guests/lib/synic.h"
#include "testing/guests/lib/testdev.h"
#include "testing/hostile/load.h"

namespace hvkit::guest {
namespace {

using tlfs::CallCode;

constexpr unsigned kCalls = 10;
constexpr unsigned kMessageSint = 2;
constexpr unsigned kEventSint = 4;
constexpr uint8_t kMessageVector = 0x60;
constexpr uint8_t kEventVector = 0x61;
constexpr uint8_t kIpiVector = 0x62;
constexpr uint8_t kTimerVector = 0x63;
constexpr uint8_t kDirectTimerVector = 0x65;
constexpr uint8_t kFirstMessageId = 0x70;
constexpr uint8_t kFirstEventId = 100;
constexpr uint64_t kShortest = 1;
constexpr uint64_t kAllProcessors =
    tlfs::FlushFlags::AllProcessors::kMask | tlfs::FlushFlags::AllVirtualAddressSpaces::kMask;

// The last block is everybody's.
alignas(tlfs::kPageSize) uint64_t g_blocks[MAX_CPUS + 1][tlfs::kPageSize / sizeof(uint64_t)];
constexpr unsigned kShared = MAX_CPUS;

constinit std::atomic<uint64_t> g_direct_timers = 0;

uint64_t AllVps() { return (uint64_t{1} << Cpus()) - 1; }

void Call(CallCode code, unsigned block, uint64_t more_control = 0) {
  (void)Hypercall(static_cast<uint64_t>(code) | more_control, AddressOf(g_blocks[block]), 0);
}

void CallFast(CallCode code, uint64_t first, uint64_t second) {
  (void)Hypercall(static_cast<uint64_t>(code) | kFast, first, second);
}

void TurnOn(unsigned cpu) {
  (void)EnableSynic(cpu);
  SetSint(kMessageSint, SintWithVector(kMessageVector));
  SetSint(kEventSint, SintWithVector(kEventVector));
}

// Some messages stay in their slot, and their senders run out of buffers.
void Messages(unsigned cpu) {
  for (unsigned i = 0; i < kCalls; ++i) {
    const uint64_t message[] = {kFirstMessageId + Random(cpu) % Cpus(), uint64_t{240} << 32 | 1};
    std::memcpy(g_blocks[cpu], message, sizeof(message));
    Call(CallCode::kPostMessage, cpu);
  }
  FreeSlot(cpu, kMessageSint);
}

void Events(unsigned cpu) {
  for (unsigned i = 0; i < kCalls; ++i) {
    CallFast(CallCode::kSignalEvent, kFirstEventId + Random(cpu) % Cpus(), 0);
  }
  (void)TakeEventFlag(cpu, kEventSint, kFirstEventId + VpOf(cpu));
}

void Interrupts(unsigned cpu) {
  for (unsigned i = 0; i < kCalls; ++i) {
    CallFast(CallCode::kSendSyntheticClusterIpi, kIpiVector, AllVps());
    SendIpi(ApicIdOf(static_cast<unsigned>(Random(cpu) % Cpus())), kIpiVector);
  }
}

void Flushes(unsigned cpu) {
  for (unsigned i = 0; i < kCalls; ++i) {
    const tlfs::FlushInput input = {.flags = {kAllProcessors}};
    std::memcpy(g_blocks[cpu], &input, sizeof(input));
    Call(CallCode::kFlushVirtualAddressSpace, cpu);
  }
}

void StartTimers(unsigned cpu) {
  TurnOn(cpu);
  for (unsigned timer = 0; timer < tlfs::kStimerCount; ++timer) {
    tlfs::StimerConfig config = MessageTimer(kMessageSint + timer);
    tlfs::StimerConfig::Periodic::Set(config, 1);
    SetSint(kMessageSint + timer, SintWithVector(kTimerVector));
    SetTimerConfig(timer, config);
    SetTimerCount(timer, kShortest);
  }
}

void TakeTimers(unsigned cpu) {
  for (unsigned timer = 0; timer < tlfs::kStimerCount; ++timer) FreeSlot(cpu, kMessageSint + timer);
}

void StartDirectTimers(unsigned) {
  for (unsigned timer = 0; timer < tlfs::kStimerCount; ++timer) {
    tlfs::StimerConfig config = DirectTimer(kDirectTimerVector);
    tlfs::StimerConfig::Periodic::Set(config, 1);
    SetTimerConfig(timer, config);
    SetTimerCount(timer, kShortest);
  }
}

void CountDirectTimer() { g_direct_timers.fetch_add(1, std::memory_order_relaxed); }

void Nothing(unsigned) {
  for (unsigned i = 0; i < kCalls; ++i) Pause();
}

void StopTimers(unsigned cpu) {
  for (unsigned timer = 0; timer < tlfs::kStimerCount; ++timer) SetTimerConfig(timer, {});
  TakeTimers(cpu);
}

// Words that make a call's sizes, counts and indices right, wrong and wild; an interrupt's vector
// is one that this guest can take, or none.
void Scribble(unsigned cpu) {
  constexpr uint64_t kWords[] = {
      0,           1,          kIpiVector,      240,          uint64_t{240} << 32 | 1, ~0ull,
      0xffff'0000, 1ull << 63, kFirstMessageId, kFirstEventId};
  uint64_t* const block = g_blocks[kShared];
  for (unsigned i = 0; i < kCalls; ++i) {
    reinterpret_cast<volatile uint64_t*>(block)[Random(cpu) % 8] = Pick(cpu, kWords);
  }
}

void Races(unsigned cpu) {
  constexpr CallCode kSimple[] = {
      CallCode::kPostMessage, CallCode::kSignalEvent, CallCode::kSendSyntheticClusterIpi,
      CallCode::kSendSyntheticClusterIpiEx, CallCode::kFlushVirtualAddressSpace};
  Scribble(cpu);
  if (cpu % 2 != 0) return;
  Call(Pick(cpu, kSimple), kShared);
  Call(CallCode::kFlushVirtualAddressList, kShared, (1 + Random(cpu) % 500) << 32);
  Call(CallCode::kFlushVirtualAddressListEx, kShared, uint64_t{64} << 32 | (Random(cpu) % 8) << 17);
  FreeSlot(cpu, kMessageSint);
}

void Connect(unsigned cpu) {
  const auto vp = static_cast<uint8_t>(VpOf(cpu));
  CommandTestdev(TestdevCommand::kCreateMessageConnection, vp, kMessageSint,
                 static_cast<uint8_t>(kFirstMessageId + vp));
  CommandTestdev(TestdevCommand::kCreateEventConnection, vp, kEventSint,
                 static_cast<uint8_t>(kFirstEventId + vp));
}

constexpr Load kLoads[] = {
    {"messages", Messages, TurnOn},
    {"events", Events, TurnOn},
    {"interrupts", Interrupts},
    {"flushes", Flushes},
    {"input that others change", Races, TurnOn},
    {"message timers with period 1", TakeTimers, StartTimers, StopTimers},
    {"direct timers with period 1", Nothing, StartDirectTimers, StopTimers},
};

}  // namespace

void GuestMain(const BootInfo& boot) {
  StartLoads(boot);
  SetIrqHandler(kDirectTimerVector, CountDirectTimer);
  for (unsigned cpu = 0; cpu < Cpus(); ++cpu) Connect(cpu);
  RunLoads(kLoads, CmdlineNumber(boot, "rounds=", 100));
  Check(g_direct_timers.load() != 0, "direct timers interrupt");
}

}  // namespace hvkit::guest
