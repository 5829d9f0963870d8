// What the guests here have in common: a load that all processors put on the VMM at once, until
// each of them has got through its share; and the watcher (testing/hostile/watch.cc), which runs
// the VMM and measures it while the guest waits.
//
// On the command line `cpus=N`, up to 16, and `rounds=N`, a share in units of the guest's own.

#ifndef HVKIT_TESTING_HOSTILE_LOAD_H_
#define HVKIT_TESTING_HOSTILE_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "testing/guests/lib/boot_info.h"
#include "testing/guests/lib/hyperv.h"

namespace hvkit::guest {

using Step = void (*)(unsigned cpu);

// The functions are called on each processor, with interrupts off; between two steps they are let
// in.
struct Load {
  const char* name;
  Step step;
  Step begin = nullptr;
  Step finish = nullptr;
};

// Starts the processors and turns hypercalls on. An exception in the hypercall page is the result
// of the call, as are all statuses but success.
void StartLoads(const BootInfo& boot);
[[nodiscard]] unsigned Cpus();
[[nodiscard]] uint32_t VpOf(unsigned cpu);

// Runs each load on all processors, briefly; has the watcher measure; runs each until every
// processor has taken all its steps; has the watcher compare. A processor that does not get through
// fails a check.
void RunLoads(std::span<const Load> loads, uint64_t rounds);

// Prints what the watcher is to do, and waits until it has.
void TellWatcher(const char* what);

// Of the processor's own.
[[nodiscard]] uint64_t Random(unsigned cpu);
template <typename T, size_t kSize>
const T& Pick(unsigned cpu, const T (&choices)[kSize]) {
  return choices[Random(cpu) % kSize];
}

inline constexpr uint64_t kFast = uint64_t{1} << 16;  // in the control word

[[nodiscard]] inline uint64_t AddressOf(const volatile void* object) {
  return reinterpret_cast<uint64_t>(object);
}

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_HOSTILE_LOAD_H_
