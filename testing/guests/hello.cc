// The smallest guest: the runtime works. Needs no Hyper-V.

#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/report.h"

namespace hvkit::guest {

void GuestMain(const BootInfo&) {
  constexpr uint32_t kNoSuchMsr = 0x4fffffff;
  Print("hello");
  CheckEqual(ReadMsr(kNoSuchMsr).fault.vector, kGeneralProtection, "an unknown MSR raises #GP");
  CheckEqual(RaiseUndefinedOpcode().vector, kUndefinedOpcode, "UD2 raises #UD");
  Check(!ReadMsr(uint32_t{0x10}).fault.raised, "the TSC's MSR can be read");
}

}  // namespace hvkit::guest
