#include "vcpu/cpuid_merge.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vcpu {
namespace {

using Entry = kvm_cpuid_entry2;

constexpr uint32_t kHypervisorFirst = 0x40000000;
constexpr uint32_t kHypervisorLast = 0x4000FFFF;

constexpr uint32_t kFeatures = 1;
constexpr uint32_t kIntelCaches = 4;
constexpr uint32_t kExtendedTopology = 0xB;
constexpr uint32_t kExtendedTopologyV2 = 0x1F;
constexpr uint32_t kAmdFeatures = 0x80000001;
constexpr uint32_t kAmdSizes = 0x80000008;
constexpr uint32_t kAmdCaches = 0x8000001D;
constexpr uint32_t kAmdTopology = 0x8000001E;

// Leaf 1.
constexpr uint32_t kEcxX2apic = 1u << 21;
constexpr uint32_t kEcxTscDeadline = 1u << 24;
constexpr uint32_t kEcxHypervisor = 1u << 31;
constexpr uint32_t kEdxHtt = 1u << 28;
// Leaf 0x80000001.
constexpr uint32_t kEcxCmpLegacy = 1u << 1;

constexpr bool IsHypervisorLeaf(uint32_t leaf) {
  return leaf >= kHypervisorFirst && leaf <= kHypervisorLast;
}

// `word` with bits [low, low + width) replaced by `value`, or by all ones when it does not fit.
constexpr uint32_t WithField(uint32_t word, unsigned low, unsigned width, uint32_t value) {
  const uint32_t largest = (1u << width) - 1;
  return (word & ~(largest << low)) | std::min(value, largest) << low;
}

// One socket of `cpus` cores, seen from the vCPU with `apic_id`.
struct Topology {
  uint32_t apic_id;
  uint32_t cpus;

  // Bits of an APIC id that number the cores.
  constexpr uint32_t core_bits() const { return static_cast<uint32_t>(std::bit_width(cpus - 1)); }
  constexpr uint32_t id_space() const { return 1u << core_bits(); }
};

void SetTopology(Entry& features, const Topology& topology) {
  features.ebx = WithField(features.ebx, 24, 8, topology.apic_id & 0xFF);
  features.ebx = WithField(features.ebx, 16, 8, topology.cpus);
  features.edx = topology.cpus > 1 ? features.edx | kEdxHtt : features.edx & ~kEdxHtt;
}

void SetFeatures(Entry& features, const CpuidPlan& plan) {
  features.ecx |= kEcxHypervisor | kEcxX2apic;
  if (plan.tsc_deadline == TscDeadline::kPresent) {
    features.ecx |= kEcxTscDeadline;
  } else {
    features.ecx &= ~kEcxTscDeadline;
  }
}

// A cache is private to a core, but for the third level, which the socket shares.
void SetCacheSharing(Entry& cache, const Topology& topology) {
  const uint32_t level = (cache.eax >> 5) & 7;
  cache.eax = WithField(cache.eax, 14, 12, level >= 3 ? topology.id_space() - 1 : 0);
}

void SetIntelCache(Entry& cache, const Topology& topology) {
  const uint32_t type = cache.eax & 0x1F;
  if (type == 0) return;  // the end of the list
  SetCacheSharing(cache, topology);
  cache.eax = WithField(cache.eax, 26, 6, topology.id_space() - 1);
}

void SetAmdSizes(Entry& sizes, const Topology& topology) {
  sizes.ecx = WithField(sizes.ecx, 0, 8, topology.cpus - 1);
  sizes.ecx = WithField(sizes.ecx, 12, 4, topology.core_bits());
}

void SetAmdFeatures(Entry& features, const Topology& topology) {
  features.ecx = topology.cpus > 1 ? features.ecx | kEcxCmpLegacy : features.ecx & ~kEcxCmpLegacy;
}

void SetAmdTopology(Entry& entry, const Topology& topology) {
  entry.eax = topology.apic_id;
  entry.ebx = topology.apic_id & 0xFF;  // core id; one thread per core
  entry.ecx = 0;                        // node 0 of one
}

void SetEntry(Entry& entry, const CpuidPlan& plan, const Topology& topology) {
  switch (entry.function) {
    case kFeatures:
      SetTopology(entry, topology);
      SetFeatures(entry, plan);
      break;
    case kIntelCaches:
      SetIntelCache(entry, topology);
      break;
    case kAmdFeatures:
      SetAmdFeatures(entry, topology);
      break;
    case kAmdSizes:
      SetAmdSizes(entry, topology);
      break;
    case kAmdCaches:
      SetCacheSharing(entry, topology);
      break;
    case kAmdTopology:
      SetAmdTopology(entry, topology);
      break;
    default:
      break;
  }
}

// The three subleaves of leaves 0xB and 0x1F: threads, cores, the end.
void AppendExtendedTopology(kvm::Cpuid& cpuid, uint32_t leaf, const Topology& topology) {
  constexpr uint32_t kThreadLevel = 1;
  constexpr uint32_t kCoreLevel = 2;
  const auto append = [&](uint32_t index, uint32_t shift, uint32_t count, uint32_t level) {
    Entry entry = {};
    entry.function = leaf;
    entry.index = index;
    entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    entry.eax = shift;
    entry.ebx = count;
    entry.ecx = level << 8 | index;
    entry.edx = topology.apic_id;
    cpuid.PushBack(entry);
  };
  append(0, 0, 1, kThreadLevel);
  append(1, topology.core_bits(), topology.cpus, kCoreLevel);
  append(2, 0, 0, 0);
}

bool Replaced(const Entry& entry, const CpuidPlan& plan) {
  if (entry.function == kExtendedTopology || entry.function == kExtendedTopologyV2) return true;
  return IsHypervisorLeaf(entry.function) && plan.source == HypervisorLeaves::kGiven;
}

absl::Status AppendHypervisorLeaves(kvm::Cpuid& cpuid, std::span<const CpuidLeaf> leaves) {
  for (const CpuidLeaf& leaf : leaves) {
    if (!IsHypervisorLeaf(leaf.leaf)) {
      return absl::InvalidArgumentError(
          absl::StrCat("CPUID leaf 0x", absl::Hex(leaf.leaf), " is not a hypervisor's"));
    }
    Entry entry = {};
    entry.function = leaf.leaf;
    entry.eax = leaf.eax;
    entry.ebx = leaf.ebx;
    entry.ecx = leaf.ecx;
    entry.edx = leaf.edx;
    cpuid.PushBack(entry);
  }
  return absl::OkStatus();
}

absl::Status CheckPlan(const CpuidPlan& plan, uint32_t apic_id) {
  if (plan.cpu_count > kMaxCpus) {
    return absl::InvalidArgumentError(
        absl::StrCat("CPUID for ", plan.cpu_count, " vCPUs: the most is ", kMaxCpus));
  }
  if (apic_id < plan.cpu_count) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("CPUID for APIC id ", apic_id, " of ", plan.cpu_count, " vCPUs"));
}

}  // namespace

absl::StatusOr<kvm::Cpuid> MergeCpuid(const kvm::Cpuid& supported, const CpuidPlan& plan,
                                      uint32_t apic_id) {
  HVKIT_RETURN_IF_ERROR(CheckPlan(plan, apic_id));
  const Topology topology = {.apic_id = apic_id, .cpus = plan.cpu_count};
  kvm::Cpuid merged;
  bool has_v2 = false;
  for (Entry entry : supported.entries()) {
    has_v2 = has_v2 || entry.function == kExtendedTopologyV2;
    if (Replaced(entry, plan)) continue;
    SetEntry(entry, plan, topology);
    // The last basic leaf: APIC ids above 255 are only in the extended topology.
    if (entry.function == 0) entry.eax = std::max(entry.eax, kExtendedTopology);
    merged.PushBack(entry);
  }
  AppendExtendedTopology(merged, kExtendedTopology, topology);
  if (has_v2) AppendExtendedTopology(merged, kExtendedTopologyV2, topology);
  if (plan.source == HypervisorLeaves::kGiven) {
    HVKIT_RETURN_IF_ERROR(AppendHypervisorLeaves(merged, plan.hypervisor_leaves));
  }
  return merged;
}

}  // namespace hvkit::vcpu
