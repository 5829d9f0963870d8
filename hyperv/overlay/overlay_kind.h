// The kinds of overlay page, their precedence, and what becomes of one without RAM below it.
//
// TLFS: hypercall-interface.md "Establishing the Hypercall Interface", timers.md "Reference Time
// Stamp Counter (TSC) Page Register", vp-properties.md "Virtual Processor Assist Page",
// inter-partition-communication.md "SIEFP Register" and "SIMP Register". Where two overlays claim
// one page the TLFS leaves the outcome undefined; the order here is ours. Immutable.
#ifndef HVKIT_HYPERV_OVERLAY_OVERLAY_KIND_H_
#define HVKIT_HYPERV_OVERLAY_OVERLAY_KIND_H_

#include <cstdint>

namespace hvkit::hyperv {

// In order of precedence: where several claim one page, the guest sees the first kind, and of one
// kind that of the lowest VP index. Code comes first, since a guest that finds data there runs it;
// then what the whole partition reads; then what belongs to one VP.
enum class OverlayKind : uint8_t {
  kHypercall,
  kReferenceTsc,
  kVpAssist,
  kSimp,
  kSiefp,
};

// Whether enabling one at a page without RAM is refused, and the MSR write then faults with #GP: so
// the TLFS for the hypercall page. Any other page is enabled and is "not accessible to the guest".
constexpr bool NeedsRam(OverlayKind kind) { return kind == OverlayKind::kHypercall; }

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_OVERLAY_OVERLAY_KIND_H_
