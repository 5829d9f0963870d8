// Where the model's interrupts go: fixed interrupts to the local APICs of virtual processors.
//
// TLFS: virtual-interrupts.md, inter-partition-communication.md "SINTx Registers" (AutoEOI). The
// model has no APIC: priority, ISR and IRR are the host's.
#ifndef HVKIT_HYPERV_HOST_INTERRUPT_SINK_H_
#define HVKIT_HYPERV_HOST_INTERRUPT_SINK_H_

#include <cstdint>

#include "hyperv/host/ids.h"

namespace hvkit::hyperv {

// How an interrupt ends.
enum class EoiMode : uint8_t {
  kNormal,  // In service until the guest's EOI
  kAuto,    // Not in service after delivery: a SINT with AutoEOI
};

// What a VMM implements over its APICs. A leaf: it neither blocks nor calls back into the model,
// which may hold its locks. Thread-safe.
class InterruptSink {
 public:
  virtual ~InterruptSink() = default;

  // Makes an edge-triggered fixed interrupt pending, as an IPI would, and wakes a halted VP. A VP
  // that does not exist takes none. Where AutoEOI is not supported, kAuto is as kNormal.
  virtual void RequestFixed(VpIndex vp, Vector vector, EoiMode eoi) = 0;

  // Whether kAuto does what it says; always the same answer. CPUID's DeprecateAutoEoi derives from
  // it.
  virtual bool SupportsAutoEoi() const = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_INTERRUPT_SINK_H_
