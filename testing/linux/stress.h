// Work that goes wrong where a hypervisor loses an interrupt or a timer, or leaves a translation
// behind: threads that map, touch and unmap memory that others read, wander between processors,
// wake one another and sleep for short times, on all processors at once. Linux only; no KVM.

#ifndef HVKIT_TESTING_LINUX_STRESS_H_
#define HVKIT_TESTING_LINUX_STRESS_H_

#include <chrono>
#include <cstdint>
#include <string>

namespace hvkit::testing {

struct StressResult {
  std::string failure;      // the first one; empty: none
  uint64_t remaps = 0;      // of shared pages, each a flush on all processors
  uint64_t reads = 0;       // of shared pages
  uint64_t migrations = 0;  // of threads from one processor to another
  uint64_t barriers = 0;    // membarrier(2): interrupts on all processors that run the process
  uint64_t handovers = 0;   // from a thread on one processor to a sleeping one on another
  uint64_t ticks = 0;       // of timers
  int64_t latest_ms = 0;    // how late the latest tick came
};

// Returns after about `duration`, later if the machine is slow. A thread that comes to a standstill
// is a failure, and is left behind.
[[nodiscard]] StressResult RunStress(std::chrono::milliseconds duration);

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_LINUX_STRESS_H_
