// What the reference VMM does with the exits of one vCPU that are not port I/O or MMIO.
#ifndef HVKIT_VMM_VCPU_EXITS_H_
#define HVKIT_VMM_VCPU_EXITS_H_

#include <cstdint>
#include <string>

#include "kvm_ioctls/vcpu.h"
#include "vcpu/exit_handlers.h"
#include "vcpu/kvm_runner.h"
#include "vmm/ending.h"
#include "vmm/hyperv_backend.h"

namespace hvkit::vmm {

// *VP thread*: one per vCPU. The end of the run is reported to the latch, which stops all vCPUs.
class VcpuExits final : public vcpu::ExitHandlers {
 public:
  // `backend` is null without Hyper-V. Both outlive this object.
  VcpuExits(uint32_t cpu, EndLatch& latch, HypervBackend* backend)
      : cpu_(cpu), latch_(latch), backend_(backend) {}

  // The runner that calls this object; before it runs.
  void Attach(vcpu::KvmRunner& runner) { runner_ = &runner; }

  vcpu::ExitAction OnMsr(kvm::MsrExit exit) override;
  vcpu::ExitAction OnHyperv(kvm::HypervExit exit) override;
  vcpu::ExitAction OnSystemEvent(kvm::SystemEventExit exit) override;
  vcpu::ExitAction OnShutdown() override;
  vcpu::ExitAction OnOther(kvm::Exit exit) override;
  vcpu::ExitAction OnKicked() override;

 private:
  vcpu::ExitAction Stop(Ending ending);

  const uint32_t cpu_;
  EndLatch& latch_;
  HypervBackend* const backend_;
  vcpu::KvmRunner* runner_ = nullptr;
};

// The general, segment and control registers as text, a few lines; or why KVM did not give them.
[[nodiscard]] std::string DescribeRegisters(const kvm::Vcpu& vcpu);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_VCPU_EXITS_H_
