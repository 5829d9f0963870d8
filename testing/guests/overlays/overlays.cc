// Pages of the hypervisor's over the guest's own memory: what the guest finds in them, what becomes
// of its stores, and what is below when they go.
//
// On the command line `kvm=1` where KVM's own emulation answers: it knows no overlays and writes
// into the guest's page, so that what it wrote stays. The SynIC's pages are the VMM's there too.

#include <cstddef>
#include <cstdint>

#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/text.h"

namespace hvkit::guest {
namespace {

using tlfs::MsrIndex;

constexpr uint8_t kPattern = 0xA7;
constexpr uint8_t kStored = 0x5A;
constexpr size_t kUnused = 2048;  // an offset that the hypervisor writes in none of the pages
constexpr uint64_t kGuestOsId = uint64_t{1} << 63 | 0x100;

alignas(tlfs::kPageSize) volatile uint8_t g_page[tlfs::kPageSize];

struct Overlay {
  MsrIndex msr;
  const char* name;
  bool is_kvms;    // on KVM's own emulation
  size_t written;  // bytes at the start in which KVM may write then
};
constexpr Overlay kHypercallPage = {MsrIndex::kHypercall, "the hypercall page", true, 16};
constexpr Overlay kTscPage = {MsrIndex::kReferenceTsc, "the reference TSC page", true, 24};
constexpr Overlay kAssistPage = {MsrIndex::kVpAssistPage, "the VP assist page", true, 4};
constexpr Overlay kMessagePage = {MsrIndex::kSimp, "the message page", false, 0};
constexpr Overlay kEventPage = {MsrIndex::kSiefp, "the event flags page", false, 0};

void Fill() {
  for (volatile uint8_t& byte : g_page) byte = kPattern;
}

bool IsPattern(size_t from) {
  for (size_t i = from; i < sizeof(g_page); ++i) {
    if (g_page[i] != kPattern) return false;
  }
  return true;
}

bool Turn(const Overlay& overlay, bool on) {
  const uint64_t at = reinterpret_cast<uint64_t>(&g_page);
  return !WriteMsr(overlay.msr, on ? at | tlfs::OverlayMsr::Enable::kMask : 0).raised;
}

void CheckThat(bool ok, const Overlay& overlay, const char* what) {
  Check(ok, Text().Append(overlay.name).Append(what).c_str());
}

void CheckOverlay(const Overlay& overlay, bool on_kvm) {
  Fill();
  CheckThat(Turn(overlay, true), overlay, " can be turned on");
  const bool kept = g_page[kUnused] == kPattern;
  CheckThat(kept == on_kvm, overlay,
            on_kvm ? " is in the guest's own memory" : " hides the guest's own memory");
  g_page[kUnused] = kStored;
  CheckThat(g_page[kUnused] == kStored, overlay, " takes a store of the guest");
  CheckThat(Turn(overlay, false), overlay, " can be turned off");
  if (on_kvm) {
    CheckThat(g_page[kUnused] == kStored, overlay, " leaves what was stored in it");
    g_page[kUnused] = kPattern;
    CheckThat(IsPattern(overlay.written), overlay, " changes nothing else");
  } else {
    CheckThat(IsPattern(0), overlay, " gives back what was below it");
  }
}

// The guest's stores do not outlive the page.
void CheckCodeComesBack() {
  (void)Turn(kHypercallPage, true);
  const uint8_t code = g_page[0];
  g_page[0] = static_cast<uint8_t>(~code);
  CheckEqual(g_page[0], static_cast<uint8_t>(~code), "a store to the hypercall page's code lands");
  (void)Turn(kHypercallPage, false);
  (void)Turn(kHypercallPage, true);
  CheckEqual(g_page[0], code, "the hypercall page's code is written anew when it is turned on");
  (void)Turn(kHypercallPage, false);
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  const bool on_kvm = CmdlineNumber(boot, "kvm=", 0) != 0;
  Check(!WriteMsr(MsrIndex::kGuestOsId, kGuestOsId).raised, "the guest has an identity");
  for (const Overlay& overlay : {kHypercallPage, kTscPage, kAssistPage, kMessagePage, kEventPage}) {
    CheckOverlay(overlay, on_kvm && overlay.is_kvms);
  }
  CheckCodeComesBack();
}

}  // namespace hvkit::guest
