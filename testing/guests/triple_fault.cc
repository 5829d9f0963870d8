// Ends in a triple fault: an exception without an interrupt table.

#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/report.h"

namespace hvkit::guest {

void GuestMain(const BootInfo&) {
  Print("about to fault");
  constexpr uint8_t kEmptyTable[10] = {};
  asm volatile("lidt %0; ud2" : : "m"(kEmptyTable));
  Stop();
}

}  // namespace hvkit::guest
