// A processor that never exits, interrupts off: the others still interrupt it, flush its
// translations and get on with their own affairs; and the VMM can be stopped while it spins.

#include <atomic>

#include "hyperv/tlfs/hypercall.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"
#include "testing/guests/lib/synic.h"
#include "testing/hostile/load.h"

namespace hvkit::guest {
namespace {

using tlfs::CallCode;
using tlfs::HvStatus;

constexpr uint8_t kIpiVector = 0x60;
constexpr uint8_t kTimerVector = 0x61;
constexpr uint64_t kSignals = 50;
constexpr unsigned kTimer = 0;

constinit std::atomic<uint64_t> g_spins = 0;
constinit std::atomic<uint64_t> g_ipis = 0;
constinit std::atomic<uint64_t> g_timers = 0;
alignas(tlfs::kPageSize) tlfs::FlushInput g_flush;

[[noreturn]] void SpinForever(void*) {
  for (;;) g_spins.fetch_add(1, std::memory_order_relaxed);
}

void CountIpi() { g_ipis.fetch_add(1, std::memory_order_relaxed); }
void CountTimer() { g_timers.fetch_add(1, std::memory_order_relaxed); }

uint64_t Control(CallCode code) { return static_cast<uint64_t>(code); }

// The same call many times, to all processors.
bool Succeeds(uint64_t control, uint64_t input, uint64_t output) {
  for (uint64_t i = 0; i < kSignals; ++i) {
    if (HypercallStatus(control, input, output) != HvStatus::kSuccess) return false;
  }
  return true;
}

void TakeTimers() {
  SetTimerConfig(kTimer, DirectTimer(kTimerVector));
  for (uint64_t i = 0; i < kSignals; ++i) {
    const uint64_t before = g_timers.load();
    SetTimerCount(kTimer, Now() + kTicksPerMs);
    while (g_timers.load() == before) WaitForInterrupt();
  }
  SetTimerConfig(kTimer, {});
}

void CheckOthers() {
  const uint64_t spins = g_spins.load();
  const uint64_t all = (uint64_t{1} << Cpus()) - 1;
  Check(Succeeds(Control(CallCode::kSendSyntheticClusterIpi) | kFast, kIpiVector, all),
        "it can be interrupted");
  g_flush.flags.raw =
      tlfs::FlushFlags::AllProcessors::kMask | tlfs::FlushFlags::AllVirtualAddressSpaces::kMask;
  Check(Succeeds(Control(CallCode::kFlushVirtualAddressSpace), AddressOf(&g_flush), 0),
        "its translations can be flushed");
  TakeTimers();
  Check(g_ipis.load() != 0, "others take their interrupts");
  Check(g_spins.load() > spins, "it spins meanwhile");
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  SetIrqHandler(kIpiVector, CountIpi);
  SetIrqHandler(kTimerVector, CountTimer);
  StartLoads(boot);
  StartReferenceTime();
  PostTo(Cpus() - 1, SpinForever, nullptr);
  while (g_spins.load() == 0) Pause();
  CheckOthers();
  TellWatcher("before");
  CheckOthers();
  TellWatcher("after");
  TellWatcher("stop");
}

}  // namespace hvkit::guest
