// Asks for a reset through HV_X64_MSR_RESET.

#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/report.h"

namespace hvkit::guest {

void GuestMain(const BootInfo&) {
  constexpr uint64_t kResetNow = 1;
  CheckEqual(ReadMsr(tlfs::MsrIndex::kReset).value, 0, "RESET reads 0");
  (void)WriteMsr(tlfs::MsrIndex::kReset, kResetNow);
  Fatal("the VMM ends at the reset", "the guest went on");
}

}  // namespace hvkit::guest
