// From --cpu and --hyperv to the enlightenments in force: which back end, what it can do here, and
// why not the rest.
#ifndef HVKIT_VMM_HYPERV_SETUP_H_
#define HVKIT_VMM_HYPERV_SETUP_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/enlightenments/cpu_flag.h"
#include "hyperv/enlightenments/resolve.h"
#include "kvm_ioctls/kvm.h"
#include "vcpu/hyperv_kvm/kernel_ability.h"
#include "vmm/config.h"
#include "vmm/events.h"

namespace hvkit::vmm {

// Why the user back end gives nothing: it is not written yet.
inline constexpr char kNoUserBackend[] = "the user back end is not part of this version of hvkit";

struct HypervSetup {
  bool kvm_leaves = true;  // false: kvm=off
  vcpu::KernelFacts facts;
  hyperv::Resolution resolution;

  [[nodiscard]] bool enabled() const { return resolution.in_force.Enabled(); }
};

// The checks of --cpu and --hyperv that need no KVM: kInvalidArgument, one line.
[[nodiscard]] absl::StatusOr<hyperv::CpuSpec> CheckCpuFlags(const Config& config);

// Asks KVM and resolves. kFailedPrecondition names what was asked for and cannot be had.
[[nodiscard]] absl::StatusOr<HypervSetup> ResolveHyperv(const hyperv::CpuSpec& spec,
                                                        const kvm::Kvm& kvm);

[[nodiscard]] EnlightenmentsInForce ToEvent(const HypervSetup& setup);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_HYPERV_SETUP_H_
