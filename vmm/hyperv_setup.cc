#include "vmm/hyperv_setup.h"

#include <utility>

#include "hyperv/enlightenments/cpu_flag_text.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vmm {
namespace {

using hyperv::Enlightenment;
using hyperv::EnlightenmentSet;

// Whether the set in force will have it, as far as the machine does.
bool IsAskedFor(Enlightenment e, const hyperv::CpuSpec& spec) {
  const bool by_others = spec.wished.Has(e) || (spec.requested.Has(Enlightenment::kPassthrough) &&
                                                e != Enlightenment::kSyndbg);
  return spec.requested.Has(e) || (by_others && !spec.refused.Has(e));
}

}  // namespace

absl::Status CheckNeeds(const Config& config, const hyperv::CpuSpec& spec) {
  if (config.hyperv_testdev && !IsAskedFor(Enlightenment::kSynic, spec)) {
    return absl::InvalidArgumentError(
        "--device=hyperv-testdev: needs hv_synic; add hv_vpindex,hv_synic to --cpu");
  }
  if (config.syndbg.has_value() && !IsAskedFor(Enlightenment::kSyndbg, spec)) {
    return absl::InvalidArgumentError(
        "--syndbg: needs hv_syndbg; add hv_relaxed,hv_vpindex,hv_synic,hv_syndbg to --cpu");
  }
  return absl::OkStatus();
}

absl::StatusOr<HypervSetup> ResolveHyperv(const hyperv::CpuSpec& spec, Backend backend,
                                          vcpu::KernelFacts facts, vcpu::CoreSharing core_sharing) {
  HypervSetup setup;
  setup.kvm_leaves = spec.kvm;
  const auto kernel = hyperv::Resolve(spec, vcpu::KernelAbility(facts));
  const auto user = hyperv::Resolve(spec, vcpu::UserAbility(facts, core_sharing));
  const bool kvm_has_hyperv = !facts.hv_leaves.empty();
  setup.facts = std::move(facts);
  const bool prefers_kernel =
      backend == Backend::kKernel ||
      (backend == Backend::kAuto && kvm_has_hyperv && (kernel.ok() || !user.ok()));
  setup.backend = prefers_kernel ? HypervSetup::Kind::kKernel : HypervSetup::Kind::kUser;
  HVKIT_ASSIGN_OR_RETURN(setup.resolution, prefers_kernel ? kernel : user);
  return setup;
}

absl::StatusOr<HypervSetup> ResolveHyperv(const hyperv::CpuSpec& spec, Backend backend,
                                          const kvm::Kvm& kvm) {
  HVKIT_ASSIGN_OR_RETURN(vcpu::KernelFacts facts, vcpu::QueryKernelFacts(kvm));
  return ResolveHyperv(spec, backend, std::move(facts), vcpu::QueryCoreSharing());
}

EnlightenmentsInForce ToEvent(const HypervSetup& setup) {
  const bool kernel = setup.backend == HypervSetup::Kind::kKernel;
  EnlightenmentsInForce event{.backend = kernel ? "kernel" : "user", .in_force = {}, .absent = {}};
  for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    const std::string name(info.name);
    const EnlightenmentSet& in_force = setup.resolution.in_force;
    if (in_force.Has(info.id)) {
      event.in_force.push_back({name, hyperv::ValueText(info.id, in_force)});
    } else {
      event.absent.push_back({name, setup.resolution.absent_reason(info.id)});
    }
  }
  return event;
}

}  // namespace hvkit::vmm
