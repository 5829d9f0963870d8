// The hypervisor's pages put where they do not belong: on top of each other, on one page by all
// processors at once, on ROM, on devices, beyond memory, on the page that holds a hypercall's
// input; and the message page moved while messages are queued for it. `rounds=N` of some 20
// accesses.

#include <cstring>

#include "hyperv/tlfs/hypercall.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/layout.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/synic.h"
#include "testing/guests/lib/testdev.h"
#include "testing/hostile/load.h"

namespace hvkit::guest {
namespace {

using tlfs::CallCode;
using tlfs::MsrIndex;

constexpr unsigned kAccesses = 20;
constexpr unsigned kSint = 2;
constexpr uint8_t kVector = 0x60;
constexpr uint8_t kFirstConnection = 16;
constexpr unsigned kMessagesAtOnce = 4;

// All processors share the first of them.
struct Pages {
  alignas(tlfs::kPageSize) uint8_t shared[tlfs::kPageSize];
  alignas(tlfs::kPageSize) uint8_t own[MAX_CPUS][3][tlfs::kPageSize];
  alignas(tlfs::kPageSize) uint8_t input[MAX_CPUS][tlfs::kPageSize];
};
Pages g_pages;

// The hypercall page's MSR is left alone: it is where this guest's calls go.
constexpr MsrIndex kOverlays[] = {MsrIndex::kSimp, MsrIndex::kSiefp, MsrIndex::kVpAssistPage,
                                  MsrIndex::kReferenceTsc};

// ROM, devices, holes, the end of memory and of addresses.
constexpr uint64_t kBadPlaces[] = {0xa'0000,
                                   0xc'0000,
                                   0xe'0000,
                                   0xf'0000,
                                   0xfec0'0000,
                                   0xfee0'0000,
                                   0xffff'f000,
                                   0xc000'0000,
                                   uint64_t{1} << 40,
                                   1ull << 51,
                                   0x000f'ffff'ffff'f000,
                                   0xffff'ffff'ffff'f000};

uint64_t Enabled(uint64_t at) { return at | tlfs::OverlayMsr::Enable::kMask; }

uint64_t InputOf(unsigned cpu) { return AddressOf(g_pages.input[cpu]); }

// A message for this processor's own connection.
void WriteMessage(unsigned cpu) {
  const uint32_t header[] = {kFirstConnection + VpOf(cpu), 0, 1, 8};
  std::memcpy(g_pages.input[cpu], header, sizeof(header));
}

void Post(unsigned cpu) {
  (void)Hypercall(static_cast<uint64_t>(CallCode::kPostMessage), InputOf(cpu), 0);
}

uint64_t AnyPlace(unsigned cpu) {
  const uint64_t places[] = {AddressOf(g_pages.shared), AddressOf(g_pages.own[cpu][0]),
                             InputOf(cpu), InputOf(static_cast<unsigned>(Random(cpu) % Cpus())),
                             Pick(cpu, kBadPlaces)};
  return Pick(cpu, places);
}

void TurnAllOff(unsigned cpu) {
  for (const MsrIndex msr : kOverlays) (void)WriteMsr(msr, 0);
  (void)WriteMsr(MsrIndex::kScontrol, 0);
  std::memset(g_pages.own[cpu], 0, sizeof(g_pages.own[cpu]));
}

void TurnSynicOn(unsigned cpu) {
  (void)WriteMsr(MsrIndex::kScontrol, tlfs::Scontrol::Enable::kMask);
  (void)WriteMsr(MsrIndex::kSimp, Enabled(AddressOf(g_pages.own[cpu][0])));
  SetSint(kSint, SintWithVector(kVector));
}

// Whatever lies where, and whoever put it there; calls read and write through it.
void PileUp(unsigned cpu) {
  for (unsigned i = 0; i < kAccesses; ++i) {
    const uint64_t place = AnyPlace(cpu);
    const bool on = Random(cpu) % 4 != 0;
    (void)WriteMsr(Pick(cpu, kOverlays), on ? Enabled(place) : place);
    WriteMessage(cpu);
    Post(cpu);
    g_pages.shared[Random(cpu) % tlfs::kPageSize] = static_cast<uint8_t>(i);
  }
}

// The hypercall page itself as a call's input, and what is below the calls' input taken away.
void CallFromOverlays(unsigned cpu) {
  for (const MsrIndex msr : kOverlays) {
    (void)WriteMsr(msr, Enabled(InputOf(cpu)));
    WriteMessage(cpu);
    Post(cpu);
    (void)Hypercall(static_cast<uint64_t>(CallCode::kPostMessage), AddressOf(HypercallPage()), 0);
    (void)Hypercall(static_cast<uint64_t>(CallCode::kGetVpRegisters) | uint64_t{4} << 32,
                    InputOf(cpu), AddressOf(HypercallPage()));
    (void)WriteMsr(msr, 0);
  }
}

// Messages fill the slot and its queue; the page goes elsewhere before they are taken.
void MoveMessagePage(unsigned cpu) {
  for (unsigned i = 0; i < kMessagesAtOnce; ++i) {
    WriteMessage(cpu);
    Post(cpu);
  }
  for (auto& page : g_pages.own[cpu]) {
    (void)WriteMsr(MsrIndex::kSimp, Enabled(AddressOf(page)));
    WriteEom();
    const uint32_t none = 0;
    std::memcpy(page + kSint * tlfs::kMessageSize, &none, sizeof(none));
    (void)WriteMsr(MsrIndex::kEom, 0);
    (void)WriteMsr(MsrIndex::kSimp, Random(cpu) % 2 == 0 ? 0 : Enabled(Pick(cpu, kBadPlaces)));
  }
}

void Connect(unsigned cpu) {
  const auto vp = static_cast<uint8_t>(VpOf(cpu));
  CommandTestdev(TestdevCommand::kCreateMessageConnection, vp, kSint,
                 static_cast<uint8_t>(kFirstConnection + vp));
}

constexpr Load kLoads[] = {
    {"pages on top of each other and out of place", PileUp, TurnSynicOn, TurnAllOff},
    {"pages on the input of calls", CallFromOverlays, TurnSynicOn, TurnAllOff},
    {"the message page moved while messages are queued", MoveMessagePage, TurnSynicOn, TurnAllOff},
};

}  // namespace

void GuestMain(const BootInfo& boot) {
  StartLoads(boot);
  for (unsigned cpu = 0; cpu < Cpus(); ++cpu) Connect(cpu);
  RunLoads(kLoads, CmdlineNumber(boot, "rounds=", 100));
}

}  // namespace hvkit::guest
