// The reference TSC page: publishes the clock's TSC parameters to a guest that reads them at any
// moment.
//
// TLFS: timers.md "Partition Reference Time Enlightenment". When to publish is the owner's to say:
// after each change of ReferenceClock::InvariantTsc(). The register's value and its reserved bits
// are the partition's, and TIME_REF_COUNT is the clock itself.
#ifndef HVKIT_HYPERV_REFERENCE_TIME_REFERENCE_TSC_PAGE_H_
#define HVKIT_HYPERV_REFERENCE_TIME_REFERENCE_TSC_PAGE_H_

#include <cstdint>

#include "hyperv/host/ids.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/overlay/overlay_page.h"

namespace hvkit::hyperv {

// Calls are ordered by the owner: the partition's lock. Guests read at any time.
class ReferenceTscPage {
 public:
  // Both outlive the page. `sequence` is the last one published before: that of a saved partition,
  // whose guest may be in the middle of a reading.
  ReferenceTscPage(const ReferenceClock& clock, OverlayMap& map, uint32_t sequence = 0);

  // Shows the page at `page`, wherever it was before, freshly published. A page without RAM is not
  // accessible to the guest.
  void Enable(Gpn page);
  void Disable() { overlay_.Disable(); }

  // Publishes what the clock says now; without an invariant TSC, that the guest has to read
  // TIME_REF_COUNT. A guest that is reading meanwhile notices and reads again.
  void Republish();

  OverlayState state() const { return overlay_.state(); }
  // The last one that was published; the page shows 0 while there is no invariant TSC.
  uint32_t sequence() const { return sequence_; }

 private:
  const ReferenceClock& clock_;
  OverlayPage overlay_;
  uint32_t sequence_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_REFERENCE_TIME_REFERENCE_TSC_PAGE_H_
