// The hypercall page, and the statuses of calls that cannot succeed, on each of `cpus=N`
// processors.

#include "hyperv/tlfs/hypercall.h"

#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"

namespace hvkit::guest {
namespace {

using tlfs::CallCode;
using tlfs::HvStatus;

constexpr uint16_t kNoSuchCall = 0x0fff;
constexpr uint32_t kNoSuchConnection = 0x00abcdef;

alignas(tlfs::kPageSize) uint8_t g_input[tlfs::kPageSize];

uint64_t Control(CallCode code) { return static_cast<uint64_t>(code); }

void CheckStatus(HvStatus status, HvStatus expected, const char* name) {
  CheckEqual(static_cast<uint64_t>(status), static_cast<uint64_t>(expected), name);
}

uint64_t InputAddress() { return reinterpret_cast<uint64_t>(g_input); }

void CheckPage() {
  Check(ReadMsr(tlfs::MsrIndex::kHypercall).value == 0, "the hypercall page is off at reset");
  Check(EnableHypercalls(), "the hypercall page can be turned on");
  Check(!WriteMsr(tlfs::MsrIndex::kGuestOsId, 0).raised, "the guest may forget its identity");
  CheckEqual(ReadMsr(tlfs::MsrIndex::kHypercall).value & 1, 0,
             "without identity there is no hypercall page");
  Check(EnableHypercalls(), "the hypercall page can be turned on again");
}

void CheckPostMessage() {
  // Connection id (4 bytes), reserved, message type, payload size: an empty message for nobody.
  g_input[0] = kNoSuchConnection & 0xff;
  g_input[1] = kNoSuchConnection >> 8 & 0xff;
  g_input[2] = kNoSuchConnection >> 16;
  g_input[8] = 1;
  CheckStatus(HypercallStatus(Control(CallCode::kPostMessage), InputAddress(), 0),
              HvStatus::kInvalidConnectionId, "PostMessage to an unknown connection");
}

void CheckSignalEvent() {
  constexpr uint64_t kFast = tlfs::HypercallControl::Fast::kMask;
  CheckStatus(HypercallStatus(Control(CallCode::kSignalEvent) | kFast, kNoSuchConnection, 0),
              HvStatus::kInvalidConnectionId, "a fast SignalEvent to an unknown connection");
  CheckStatus(HypercallStatus(Control(CallCode::kSignalEvent), InputAddress(), 0),
              HvStatus::kInvalidConnectionId, "SignalEvent to an unknown connection");
}

void CheckCalls(unsigned) {
  CheckStatus(HypercallStatus(kNoSuchCall, 0, 0), HvStatus::kInvalidHypercallCode,
              "an unknown call");
  CheckPostMessage();
  CheckSignalEvent();
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  const auto cpus = static_cast<unsigned>(CmdlineNumber(boot, "cpus=", 1));
  StartCpus(cpus);
  CheckPage();
  RunOnEach(cpus, CheckCalls);
}

}  // namespace hvkit::guest
