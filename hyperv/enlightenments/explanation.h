// What the enlightenments' table (enlightenment.h) has no room for: a paragraph on each one, and
// the hypercalls that it stands for.
//
// Sources: TLFS, the chapters of each feature; QEMU docs/system/i386/hyperv.rst; what Linux's
// guests do with it from arch/x86/hyperv and drivers/clocksource/hyperv_timer.c. Immutable.
#ifndef HVKIT_HYPERV_ENLIGHTENMENTS_EXPLANATION_H_
#define HVKIT_HYPERV_ENLIGHTENMENTS_EXPLANATION_H_

#include <span>

#include "absl/strings/string_view.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/tlfs/hypercall.h"

namespace hvkit::hyperv {

// A hypercall and what it is called.
struct NamedCall {
  tlfs::CallCode code;
  absl::string_view name;  // The TLFS's
};

// What the table of enlightenments does not say, for people.
struct Explanation {
  Enlightenment id;
  absl::string_view about;                // What guests do with it, when to have it, what it costs
  std::span<const NamedCall> calls = {};  // Hypercalls that a guest may make only with it
};

// There is one for each.
[[nodiscard]] const Explanation& ExplanationOf(Enlightenment e);

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_ENLIGHTENMENTS_EXPLANATION_H_
