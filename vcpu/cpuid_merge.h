// The CPUID table of one vCPU: what KVM supports, with the topology of the virtual machine (one
// socket, a core per vCPU, one thread per core), the hypervisor bit, and the leaves of the
// hypervisor that the guest is to see. Sources: Intel SDM volume 2 CPUID; AMD APM volume 3 appendix
// E; KVM's documentation of KVM_GET_SUPPORTED_CPUID.
//
// Nothing else is masked: the processor model is the host's. Pure functions, no ioctl.
#ifndef HVKIT_VCPU_CPUID_MERGE_H_
#define HVKIT_VCPU_CPUID_MERGE_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvm_ioctls/fam.h"

namespace hvkit::vcpu {

// A leaf without subleaves.
struct CpuidLeaf {
  uint32_t leaf;
  uint32_t eax;
  uint32_t ebx;
  uint32_t ecx;
  uint32_t edx;
};

// Where the leaves 0x40000000..0x4000FFFF come from.
enum class HypervisorLeaves : uint8_t {
  kKvm,    // KVM's own, as it reports them
  kGiven,  // CpuidPlan::hypervisor_leaves and none of KVM's; an empty span hides KVM (kvm=off)
};

// The in-kernel APIC timer's deadline mode, which KVM_GET_SUPPORTED_CPUID does not report.
enum class TscDeadline : uint8_t { kAbsent, kPresent };

// More than any KVM has.
inline constexpr uint32_t kMaxCpus = 1u << 16;

// The same for all vCPUs of a VM.
struct CpuidPlan {
  uint32_t cpu_count = 1;
  TscDeadline tsc_deadline = TscDeadline::kAbsent;  // kPresent if KVM_CAP_TSC_DEADLINE_TIMER
  HypervisorLeaves source = HypervisorLeaves::kKvm;
  std::span<const CpuidLeaf> hypervisor_leaves = {};
};

// The table for the vCPU with this APIC id. `supported` is from KVM_GET_SUPPORTED_CPUID.
// InvalidArgument for an APIC id that is not below cpu_count, and for a given leaf outside
// 0x40000000..0x4000FFFF.
[[nodiscard]] absl::StatusOr<kvm::Cpuid> MergeCpuid(const kvm::Cpuid& supported,
                                                    const CpuidPlan& plan, uint32_t apic_id);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_CPUID_MERGE_H_
