#include "vmm/hyperv_backend.h"

#include <utility>

#include "hyperv/partition/partition_events.h"
#include "vcpu/hyperv_kvm/kernel_backend.h"
#include "vcpu/hyperv_kvm/user_backend.h"

namespace hvkit::vmm {
namespace {

class KernelHyperv final : public HypervBackend {
 public:
  KernelHyperv(const HypervSetup& setup, const std::optional<hyperv::KvmLeaf>& kvm_leaf,
               const HypervHost& host)
      : vm_(host.vm),
        latch_(host.latch),
        backend_(setup.resolution.in_force, setup.facts, kvm_leaf, host.memory) {}

  absl::Status SetUpVm() override { return backend_.SetUpVm(vm_); }
  absl::StatusOr<std::vector<hyperv::CpuidEntry>> SetUpVcpu(hyperv::VpIndex vp,
                                                            const kvm::Vcpu& vcpu) override {
    return backend_.SetUpVcpu(vcpu, vp);
  }
  absl::Status Start(std::span<vcpu::KvmRunner* const> /*runners*/) override {
    return absl::OkStatus();
  }

  void OnMsr(hyperv::VpIndex /*vp*/, const kvm::Vcpu& vcpu, kvm::MsrExit exit) override {
    std::optional<hyperv::CrashReport> report = backend_.OnMsr(vcpu, exit);
    if (report.has_value()) latch_.End(Crashed{{report->parameters, std::move(report->message)}});
  }
  void OnHyperv(kvm::HypervExit exit) override { backend_.OnHyperv(exit); }
  void OnKicked(hyperv::VpIndex /*vp*/) override {}

 private:
  const kvm::Vm& vm_;
  EndLatch& latch_;
  const vcpu::KernelBackend backend_;
};

// A guest's reset or crash, as the end of the run.
class LatchEvents final : public hyperv::PartitionEvents {
 public:
  explicit LatchEvents(EndLatch& latch) : latch_(latch) {}

  void OnReset(hyperv::VpIndex /*by*/) override { latch_.End(WasReset{kResetByMsr}); }
  void OnCrash(hyperv::VpIndex /*by*/, const hyperv::CrashReport& report) override {
    latch_.End(Crashed{{report.parameters, report.message}});
  }

 private:
  EndLatch& latch_;
};

class UserHyperv final : public HypervBackend {
 public:
  UserHyperv(const HypervSetup& setup, uint32_t vp_count,
             const std::optional<hyperv::KvmLeaf>& kvm_leaf, HypervHost host)
      : events_(host.latch),
        backend_({.in_force = setup.resolution.in_force,
                  .facts = setup.facts,
                  .kvm_leaf = kvm_leaf,
                  .vp_count = vp_count},
                 {.vm = host.vm,
                  .memory = host.memory,
                  .events = events_,
                  .kick = std::move(host.kick)}) {}

  absl::Status SetUpVm() override { return backend_.SetUpVm(); }
  absl::StatusOr<std::vector<hyperv::CpuidEntry>> SetUpVcpu(hyperv::VpIndex /*vp*/,
                                                            const kvm::Vcpu& /*vcpu*/) override {
    return backend_.Cpuid();
  }
  absl::Status Start(std::span<vcpu::KvmRunner* const> runners) override {
    for (uint32_t i = 0; i < runners.size(); ++i) backend_.Attach(hyperv::VpIndex(i), *runners[i]);
    return backend_.Start();
  }

  void OnMsr(hyperv::VpIndex vp, const kvm::Vcpu& /*vcpu*/, kvm::MsrExit exit) override {
    backend_.OnMsr(vp, exit);
  }
  void OnHyperv(kvm::HypervExit /*exit*/) override {}  // KVM's Hyper-V sees no guest access here
  void OnKicked(hyperv::VpIndex vp) override { backend_.OnKicked(vp); }

 private:
  LatchEvents events_;
  vcpu::UserBackend backend_;
};

}  // namespace

std::unique_ptr<HypervBackend> MakeHypervBackend(const HypervSetup& setup, uint32_t vp_count,
                                                 const std::optional<hyperv::KvmLeaf>& kvm_leaf,
                                                 HypervHost host) {
  if (setup.backend == HypervSetup::Kind::kKernel)
    return std::make_unique<KernelHyperv>(setup, kvm_leaf, host);
  return std::make_unique<UserHyperv>(setup, vp_count, kvm_leaf, std::move(host));
}

}  // namespace hvkit::vmm
