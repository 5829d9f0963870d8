// Asks for a reset through HV_X64_MSR_RESET, on the processor `cpu=N`.

#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"

namespace hvkit::guest {
namespace {

constexpr uint64_t kResetNow = 1;

void Reset(unsigned) {
  CheckEqual(ReadMsr(tlfs::MsrIndex::kReset).value, 0, "RESET reads 0");
  (void)WriteMsr(tlfs::MsrIndex::kReset, kResetNow);
  Fatal("the VMM ends at the reset", "the guest went on");
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  RunOnOnly(static_cast<unsigned>(CmdlineNumber(boot, "cpu=", 0)), Reset);
}

}  // namespace hvkit::guest
