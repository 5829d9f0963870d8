// What a vCPU has before its first instruction: its CPUID table and the state that the boot plan
// asks for.
#ifndef HVKIT_VMM_CPU_SETUP_H_
#define HVKIT_VMM_CPU_SETUP_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/host/guest_memory.h"
#include "kvm_ioctls/fam.h"
#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/vcpu.h"
#include "vcpu/cpuid_merge.h"
#include "vmm/boot_plan.h"
#include "vmm/config.h"
#include "vmm/hyperv_backend.h"
#include "vmm/hyperv_setup.h"

namespace hvkit::vmm {

// The CPUID of all vCPUs of a machine. Immutable.
class CpuSetup {
 public:
  // FailedPrecondition if this machine does not do as many vCPUs or as much memory.
  [[nodiscard]] static absl::StatusOr<CpuSetup> Create(const kvm::Kvm& kvm, const Config& config,
                                                       const HypervSetup& hyperv);

  // KVM's own features, to be shown above Hyper-V's leaves; nothing with kvm=off.
  [[nodiscard]] const std::optional<hyperv::KvmLeaf>& kvm_leaf() const { return kvm_leaf_; }

  // Gives the vCPU its table: with Hyper-V's leaves if there is a back end (else null), which sets
  // up the vCPU first.
  [[nodiscard]] absl::Status SetCpuid(const kvm::Vcpu& vcpu, uint32_t index,
                                      HypervBackend* backend) const;

 private:
  CpuSetup(kvm::Cpuid supported, vcpu::CpuidPlan plan, std::optional<hyperv::KvmLeaf> kvm_leaf)
      : supported_(std::move(supported)), plan_(plan), kvm_leaf_(kvm_leaf) {}

  kvm::Cpuid supported_;
  vcpu::CpuidPlan plan_;
  std::optional<hyperv::KvmLeaf> kvm_leaf_;
};

// Puts the boot processor at the kernel's entry point.
[[nodiscard]] absl::Status SetBootState(kvm::Vcpu& vcpu, const EntryState& entry,
                                        hyperv::GuestMemory& memory);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_CPU_SETUP_H_
