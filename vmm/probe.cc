#include "vmm/probe.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/resolve.h"
#include "kvm_ioctls/cap.h"
#include "kvm_ioctls/kvm.h"
#include "vcpu/hyperv_kvm/kernel_ability.h"
#include "vcpu/hyperv_kvm/user_ability.h"

namespace hvkit::vmm {
namespace {

// An ability to do nothing, for one reason.
hyperv::Ability Unable(const std::string& reason) {
  hyperv::Ability ability;
  ability.reasons.fill(reason);
  return ability;
}

std::optional<std::string> Refusal(const hyperv::Ability& ability, hyperv::Enlightenment e) {
  if (ability.Can(e)) return std::nullopt;
  return ability.reason(e);
}

// Asks KVM into `probe`, and returns its answers.
absl::StatusOr<vcpu::KernelFacts> ProbeKvm(KvmProbe& probe) {
  absl::StatusOr<kvm::Kvm> kvm = kvm::Kvm::Open();
  if (!kvm.ok()) return kvm.status();
  absl::StatusOr<vcpu::KernelFacts> facts = vcpu::QueryKernelFacts(*kvm);
  if (!facts.ok()) return facts.status();
  probe.api_version = kvm->GetApiVersion().value_or(0);
  for (const auto& [cap, value] : facts->capabilities)
    probe.caps.emplace_back(kvm::CapName(cap), value);
  return facts;
}

const char* ValueSyntax(hyperv::EnlightenmentKind kind) {
  switch (kind) {
    case hyperv::EnlightenmentKind::kNumber:
      return "N";
    case hyperv::EnlightenmentKind::kText:
      return "S";
    case hyperv::EnlightenmentKind::kOnOffAuto:
      return "on|off|auto";
    case hyperv::EnlightenmentKind::kFlag:
      return "";
  }
  return "";
}

}  // namespace

ProbeResult Probe() {
  ProbeResult result;
  const absl::StatusOr<vcpu::KernelFacts> facts = ProbeKvm(result.kvm);
  if (!facts.ok()) result.kvm.unusable_reason = std::string(facts.status().message());
  const hyperv::Ability unable = Unable(result.kvm.unusable_reason);
  const hyperv::Ability kernel = facts.ok() ? vcpu::KernelAbility(*facts) : unable;
  const hyperv::Ability user =
      facts.ok() ? vcpu::UserAbility(*facts, vcpu::QueryCoreSharing()) : unable;
  // What needs nothing but a back end.
  result.kernel.unavailable_reason = kernel.reason(hyperv::Enlightenment::kRelaxed);
  result.user.unavailable_reason = user.reason(hyperv::Enlightenment::kRelaxed);
  for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    result.enlightenments.push_back(
        {std::string(info.name), Refusal(kernel, info.id), Refusal(user, info.id)});
  }
  return result;
}

std::vector<EnlightenmentInfo> ListEnlightenments() {
  std::vector<EnlightenmentInfo> list;
  for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    EnlightenmentInfo listing{.name = std::string(info.name),
                              .value = ValueSyntax(info.kind),
                              .summary = std::string(info.summary),
                              .needs = {}};
    for (const hyperv::EnlightenmentInfo& other : hyperv::AllEnlightenments()) {
      if (info.needs.Has(other.id)) listing.needs.emplace_back(other.name);
    }
    list.push_back(std::move(listing));
  }
  return list;
}

}  // namespace hvkit::vmm
