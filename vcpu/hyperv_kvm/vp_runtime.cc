#include "vcpu/hyperv_kvm/vp_runtime.h"

#include <time.h>

#include <cstdint>

namespace hvkit::vcpu {

hyperv::RefDuration VpRuntimeOfThisThread() {
  constexpr uint64_t kNanosecondsPerTick = 100;
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);  // cannot fail for the calling thread
  return hyperv::RefDuration(static_cast<uint64_t>(time.tv_sec) *
                                 hyperv::RefDuration::kTicksPerSecond +
                             static_cast<uint64_t>(time.tv_nsec) / kNanosecondsPerTick);
}

}  // namespace hvkit::vcpu
