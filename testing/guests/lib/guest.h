// What a freestanding guest defines. It runs at ring 0 in long mode on the first processor, the
// lowest 4 GiB mapped one to one, interrupts off; no libraries but testing/guests/lib, no
// constructors, no floating point.

#ifndef HVKIT_TESTING_GUESTS_LIB_GUEST_H_
#define HVKIT_TESTING_GUESTS_LIB_GUEST_H_

#include "testing/guests/lib/boot_info.h"

namespace hvkit::guest {

// The guest's body; when it returns, the report is finished and the guest ends.
void GuestMain(const BootInfo& boot);

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_LIB_GUEST_H_
