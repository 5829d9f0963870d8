// The `--cpu` flag, in QEMU's syntax: `host,hv_relaxed,hv-spinlocks=0x1fff,hv_time=off,kvm=off`.
//
// `hv-x` and `hv_x` are the same; a repeated feature counts as its last mention. `hv=PRESET` is
// ours (preset.h). QEMU's other CPU models and CPU features are refused. Source: QEMU
// docs/system/i386/hyperv.rst. Pure functions: thread-safe.
#ifndef HVKIT_HYPERV_ENLIGHTENMENTS_CPU_FLAG_H_
#define HVKIT_HYPERV_ENLIGHTENMENTS_CPU_FLAG_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "hyperv/enlightenments/cpu_spec.h"

namespace hvkit::hyperv {

// Parses the flag's value and checks dependencies (CheckDependencies, resolve.h). Errors are
// kInvalidArgument, one line that names the flag, the offending piece and the remedy.
[[nodiscard]] absl::StatusOr<CpuSpec> ParseCpuFlag(absl::string_view value);
// The same without the check of dependencies.
[[nodiscard]] absl::StatusOr<CpuSpec> ParseCpuFlagSyntax(absl::string_view value);

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_ENLIGHTENMENTS_CPU_FLAG_H_
