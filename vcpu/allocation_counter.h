// Counts calls of operator new by the calling thread, for tests that prove that a path allocates
// nothing. Linking the library replaces the program's global operator new.
#ifndef HVKIT_VCPU_ALLOCATION_COUNTER_H_
#define HVKIT_VCPU_ALLOCATION_COUNTER_H_

#include <cstdint>

namespace hvkit::vcpu {

// How often this thread has called operator new so far.
uint64_t AllocationsOfThisThread();

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_ALLOCATION_COUNTER_H_
