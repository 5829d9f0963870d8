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
#include "vcpu/hyperv_kvm/user_ability.h"
#include "vmm/config.h"
#include "vmm/events.h"

namespace hvkit::vmm {

struct HypervSetup {
  enum class Kind : uint8_t { kKernel, kUser };

  Kind backend = Kind::kKernel;
  bool kvm_leaves = true;  // false: kvm=off
  vcpu::KernelFacts facts;
  hyperv::Resolution resolution;

  [[nodiscard]] bool enabled() const { return resolution.in_force.Enabled(); }
};

// Asks KVM, chooses the back end and resolves. kAuto takes the kernel back end where KVM has
// Hyper-V and it can give all that was named, the user back end otherwise. kFailedPrecondition
// names what was asked for and cannot be had.
[[nodiscard]] absl::StatusOr<HypervSetup> ResolveHyperv(const hyperv::CpuSpec& spec,
                                                        Backend backend, const kvm::Kvm& kvm);
// The same from KVM's answers.
[[nodiscard]] absl::StatusOr<HypervSetup> ResolveHyperv(const hyperv::CpuSpec& spec,
                                                        Backend backend, vcpu::KernelFacts facts,
                                                        vcpu::CoreSharing core_sharing);

// What other flags need of --cpu: kInvalidArgument with the remedy where `spec` does not ask for
// it.
[[nodiscard]] absl::Status CheckNeeds(const Config& config, const hyperv::CpuSpec& spec);

[[nodiscard]] EnlightenmentsInForce ToEvent(const HypervSetup& setup);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_HYPERV_SETUP_H_
