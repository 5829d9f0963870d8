// Interrupts of devices, moved to other virtual processors.
//
// TLFS: hypercalls/HvCallRetargetDeviceInterrupt.md. Devices (vPCI) are the host's.
#ifndef HVKIT_HYPERV_HOST_INTERRUPT_RETARGETER_H_
#define HVKIT_HYPERV_HOST_INTERRUPT_RETARGETER_H_

#include <cstdint>

#include "hyperv/host/ids.h"
#include "hyperv/host/vp_set.h"
#include "hyperv/tlfs/hypercall_ext.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// Where an interrupt of a device is to go.
struct InterruptTarget {
  Vector vector;  // At least 16
  bool multicast = false;
  VpSet vps;  // Never empty
};

// Thread-safe.
class InterruptRetargeter {
 public:
  virtual ~InterruptRetargeter() = default;

  // kInvalidDeviceId: no such device; kInvalidParameter: it has no such interrupt.
  virtual tlfs::HvStatus Retarget(uint64_t device, const tlfs::InterruptEntry& entry,
                                  const InterruptTarget& target) = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_INTERRUPT_RETARGETER_H_
