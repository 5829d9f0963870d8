// What the VMM asks of a back end, so that nothing else in it knows which of the two a guest runs
// on.
#ifndef HVKIT_VMM_HYPERV_BACKEND_H_
#define HVKIT_VMM_HYPERV_BACKEND_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/host/boot_zeroed_memory.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/synic/device_synic.h"
#include "kvm_ioctls/exit.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vm.h"
#include "vcpu/kvm_runner.h"
#include "vmm/ending.h"
#include "vmm/hyperv_setup.h"
#include "vmm/syndbg.h"

namespace hvkit::vmm {

// Set up by the main thread in the order of the methods; the On... methods are *VP thread*, for
// that VP's own exits. A guest that resets itself or reports a crash ends the run through the
// latch.
class HypervBackend {
 public:
  virtual ~HypervBackend() = default;

  // Before the first vCPU.
  [[nodiscard]] virtual absl::Status SetUpVm() = 0;
  // Before the vCPU's KVM_SET_CPUID2: prepares it and returns the hypervisor's leaves to give it.
  [[nodiscard]] virtual absl::StatusOr<std::vector<hyperv::CpuidEntry>> SetUpVcpu(
      hyperv::VpIndex vp, const kvm::Vcpu& vcpu) = 0;
  // Once all vCPUs are there, before they run. Their runners, in the order of the VPs, stay where
  // they are until they have run for the last time. Returns what devices reach the guest's SynICs
  // by; null without hv_synic.
  [[nodiscard]] virtual absl::StatusOr<hyperv::DeviceSynic*> Start(
      std::span<vcpu::KvmRunner* const> runners) = 0;

  // Answer an MSR exit, and KVM_EXIT_HYPERV.
  virtual void OnMsr(hyperv::VpIndex vp, const kvm::Vcpu& vcpu, kvm::MsrExit exit) = 0;
  virtual void OnHyperv(hyperv::VpIndex vp, kvm::HypervExit exit) = 0;
  // The VP was kicked, by the back end or somebody else.
  virtual void OnKicked(hyperv::VpIndex vp) = 0;
};

// What a back end works on; all outlive it.
struct HypervHost {
  const kvm::Vm& vm;
  hyperv::GuestMemory& memory;
  EndLatch& latch;
  std::function<void(hyperv::VpIndex)> kick;              // VcpuThread::Kick of that VP
  Syndbg* syndbg = nullptr;                               // null: no debugger
  const hyperv::BootZeroedMemory* boot_zeroed = nullptr;  // null: not told
};

// The back end that `setup` has chosen. `kvm_leaf` is CpuSetup::kvm_leaf().
[[nodiscard]] std::unique_ptr<HypervBackend> MakeHypervBackend(
    const HypervSetup& setup, uint32_t vp_count, const std::optional<hyperv::KvmLeaf>& kvm_leaf,
    HypervHost host);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_HYPERV_BACKEND_H_
