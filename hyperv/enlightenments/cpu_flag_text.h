// A CpuSpec as text: the way back from ParseCpuFlag (cpu_flag.h).
//
// Pure functions: thread-safe.
#ifndef HVKIT_HYPERV_ENLIGHTENMENTS_CPU_FLAG_TEXT_H_
#define HVKIT_HYPERV_ENLIGHTENMENTS_CPU_FLAG_TEXT_H_

#include <optional>
#include <string>

#include "hyperv/enlightenments/cpu_spec.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"

namespace hvkit::hyperv {

// The value of `e` in `set` as --cpu takes it; nothing for a switch.
[[nodiscard]] std::optional<std::string> ValueText(Enlightenment e, const EnlightenmentSet& set);

// `spec` with the members of presets that are not named off as if they were named.
[[nodiscard]] CpuSpec SpellOutPresets(CpuSpec spec);

// One enlightenment as --cpu takes it; empty where `spec` does not name it.
[[nodiscard]] std::string FormatFeature(const EnlightenmentInfo& info, const CpuSpec& spec);

// The value of --cpu that gives `spec` again, in the order of the enlightenments' table: QEMU takes
// it too, as long as nothing is ours. Members of presets that are not named off are spelled out, so
// that they are demands afterwards.
[[nodiscard]] std::string FormatCpuFlag(const CpuSpec& spec);

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_ENLIGHTENMENTS_CPU_FLAG_TEXT_H_
