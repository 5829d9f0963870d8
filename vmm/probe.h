// What --probe and --list-enlightenments report, asked of KVM and of the enlightenments' table.
#ifndef HVKIT_VMM_PROBE_H_
#define HVKIT_VMM_PROBE_H_

#include <vector>

#include "vmm/report.h"

namespace hvkit::vmm {

// Never fails: a KVM that cannot be used is part of the answer.
[[nodiscard]] ProbeResult Probe();

[[nodiscard]] std::vector<EnlightenmentInfo> ListEnlightenments();

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_PROBE_H_
