// What a host does for a virtual processor that has spun for long.
//
// TLFS: hypercalls/HvCallNotifyLongSpinWait.md; leaf 0x40000004, EBX says after how many tries.
#ifndef HVKIT_HYPERV_HOST_SPIN_WAITER_H_
#define HVKIT_HYPERV_HOST_SPIN_WAITER_H_

#include <cstdint>

#include "hyperv/host/ids.h"

namespace hvkit::hyperv {

// VP thread.
class SpinWaiter {
 public:
  virtual ~SpinWaiter() = default;

  // `caller` has tried `tries` times to acquire a lock: who holds it may need the processor.
  // Returns soon; may do nothing.
  virtual void OnLongSpin(VpIndex caller, uint32_t tries) = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_SPIN_WAITER_H_
