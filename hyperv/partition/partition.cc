#include "hyperv/partition/partition.h"

#include <cstdint>

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
      shared_(config, host, privileges_, overlays_) {
  const VirtualProcessor::Surroundings surroundings{.config = config,
                                                    .host = host,
                                                    .privileges = privileges_,
                                                    .gate = gate_,
                                                    .shared = shared_,
                                                    .overlays = overlays_};
  vps_.reserve(config.vp_count);
  for (uint32_t i = 0; i < config.vp_count; ++i) {
    vps_.push_back(std::make_unique<VirtualProcessor>(VpIndex(i), surroundings));
  }
}

void Partition::Reset() {
  for (const std::unique_ptr<VirtualProcessor>& vp : vps_) vp->Reset();
  shared_.Reset();
}

}  // namespace hvkit::hyperv
