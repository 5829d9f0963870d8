// vmm --explain=NAME: one enlightenment in full: what it is, what it needs, how it is written, its
// CPUID bits, MSRs and hypercalls, the presets that have it, and which back end has it here.
//
// Pure functions over the enlightenments' tables: thread-safe. What this machine can do is passed
// in.
#ifndef HVKIT_VMM_EXPLAIN_H_
#define HVKIT_VMM_EXPLAIN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "vmm/config.h"
#include "vmm/report.h"

namespace hvkit::vmm {

// kInvalidArgument, one line, for a name that --list-enlightenments does not have.
[[nodiscard]] absl::StatusOr<hyperv::Enlightenment> ParseExplained(absl::string_view name);

// `here` is the row of `e` in what --probe reports. Ends in a newline.
[[nodiscard]] std::string FormatExplanation(hyperv::Enlightenment e, const EnlightenmentProbe& here,
                                            OutputFormat format);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_EXPLAIN_H_
