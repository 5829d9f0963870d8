#include "hyperv/partition/partition.h"

#include <cstdint>
#include <memory>
#include <optional>

#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/msr/cpuid_privileges.h"

namespace hvkit::hyperv {
namespace {

Privileges PrivilegesUnder(const EnlightenmentSet& in_force) {
  if (!in_force.Has(Enlightenment::kEnforceCpuid)) return Privileges::Unrestricted();
  return PrivilegesOf(BuildCpuid(in_force, CpuidFacts{}));
}

}  // namespace

Partition::Partition(const PartitionConfig& config, const PartitionHost& host)
    : privileges_(PrivilegesUnder(config.in_force)),
      gate_(privileges_),
      overlays_(host.memory),
      shared_(config, host, privileges_, overlays_),
      vp_count_(config.vp_count),
      vps_(std::make_unique<std::optional<VirtualProcessor>[]>(config.vp_count)) {
  const VirtualProcessor::Surroundings surroundings{.config = config,
                                                    .host = host,
                                                    .privileges = privileges_,
                                                    .gate = gate_,
                                                    .shared = shared_,
                                                    .overlays = overlays_};
  for (uint32_t i = 0; i < vp_count_; ++i) vps_[i].emplace(VpIndex(i), surroundings);
}

void Partition::Reset() {
  for (uint32_t i = 0; i < vp_count_; ++i) vps_[i]->Reset();
  shared_.Reset();
}

}  // namespace hvkit::hyperv
