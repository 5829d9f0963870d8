// All processors come up, run code, take interrupts and differ in their ids. `cpus=N` on the
// command line says how many there are; the VP index is checked where there is Hyper-V.

#include <atomic>

#include "testing/guests/lib/apic.h"
#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/layout.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"

namespace hvkit::guest {
namespace {

constexpr uint8_t kPingVector = 0x40;

struct Identity {
  uint32_t apic_id;
  MsrRead vp_index;
};

constinit Identity g_identities[MAX_CPUS] = {};
constinit std::atomic<unsigned> g_pings = 0;

void ReadIdentity(void* argument) {
  auto* identity = static_cast<Identity*>(argument);
  identity->apic_id = ApicId();
  if (HasHyperV()) identity->vp_index = ReadMsr(tlfs::MsrIndex::kVpIndex);
}

void CountPing() { g_pings.fetch_add(1, std::memory_order_relaxed); }

// Sends a ping to the first processor, whose APIC id is the argument.
void SendPing(void* argument) { SendIpi(*static_cast<uint32_t*>(argument), kPingVector); }

template <typename Key>
bool AllDiffer(unsigned count, Key key) {
  for (unsigned i = 0; i < count; ++i) {
    for (unsigned j = i + 1; j < count; ++j) {
      if (key(g_identities[i]) == key(g_identities[j])) return false;
    }
  }
  return true;
}

void CheckIdentities(unsigned count) {
  ReadIdentity(&g_identities[0]);
  for (unsigned cpu = 1; cpu < count; ++cpu) RunOn(cpu, ReadIdentity, &g_identities[cpu]);
  Check(AllDiffer(count, [](const Identity& i) { return i.apic_id; }), "APIC ids differ");
  if (!HasHyperV()) return;
  bool readable = true;
  bool in_range = true;
  for (unsigned cpu = 0; cpu < count; ++cpu) {
    readable = readable && !g_identities[cpu].vp_index.fault.raised;
    in_range = in_range && g_identities[cpu].vp_index.value < count;
  }
  Check(readable, "VP_INDEX can be read on each processor");
  Check(in_range, "VP indices are below the number of processors");
  Check(AllDiffer(count, [](const Identity& i) { return i.vp_index.value; }), "VP indices differ");
}

void CheckPings(unsigned count) {
  SetIrqHandler(kPingVector, CountPing);
  uint32_t self = ApicId();
  for (unsigned cpu = 1; cpu < count; ++cpu) {
    RunOn(cpu, SendPing, &self);
    while (g_pings.load() < cpu) WaitForInterrupt();
  }
  CheckEqual(g_pings.load(), count - 1, "each processor can interrupt the first");
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  const auto count = static_cast<unsigned>(CmdlineNumber(boot, "cpus=", 1));
  StartCpus(count);
  Check(true, "all processors come up");
  CheckIdentities(count);
  CheckPings(count);
}

}  // namespace hvkit::guest
