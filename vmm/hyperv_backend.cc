#include "vmm/hyperv_backend.h"

#include <utility>

#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/partition/partition_events.h"
#include "hyperv/partition/virtual_processor.h"
#include "hyperv/synic/model_synic.h"
#include "hyperv/synic/synic.h"
#include "kvm_ioctls/status_macros.h"
#include "vcpu/hyperv_kvm/kernel_backend.h"
#include "vcpu/hyperv_kvm/user_backend.h"

namespace hvkit::vmm {
namespace {

// Of either back end.
template <typename Backend>
typename Backend::Options OptionsOf(const HypervSetup& setup, uint32_t vp_count,
                                    const std::optional<hyperv::KvmLeaf>& kvm_leaf) {
  return {.in_force = setup.resolution.in_force,
          .facts = setup.facts,
          .kvm_leaf = kvm_leaf,
          .vp_count = vp_count};
}

class KernelHyperv final : public HypervBackend {
 public:
  KernelHyperv(const HypervSetup& setup, uint32_t vp_count,
               const std::optional<hyperv::KvmLeaf>& kvm_leaf, HypervHost host)
      : latch_(host.latch),
        backend_(OptionsOf<vcpu::KernelBackend>(setup, vp_count, kvm_leaf),
                 {.vm = host.vm,
                  .memory = host.memory,
                  .kick = std::move(host.kick),
                  .syndbg = host.syndbg,
                  .debug = host.syndbg,
                  .boot_zeroed = host.boot_zeroed}) {}

  absl::Status SetUpVm() override { return backend_.SetUpVm(); }
  absl::StatusOr<std::vector<hyperv::CpuidEntry>> SetUpVcpu(hyperv::VpIndex vp,
                                                            const kvm::Vcpu& vcpu) override {
    return backend_.SetUpVcpu(vcpu, vp);
  }
  absl::StatusOr<hyperv::DeviceSynic*> Start(
      std::span<vcpu::KvmRunner* const> /*runners*/) override {
    HVKIT_RETURN_IF_ERROR(backend_.Start());
    return backend_.device_synic();
  }

  void OnMsr(hyperv::VpIndex /*vp*/, const kvm::Vcpu& vcpu, kvm::MsrExit exit) override {
    std::optional<hyperv::CrashReport> report = backend_.OnMsr(vcpu, exit);
    if (report.has_value()) latch_.End(Crashed{{report->parameters, std::move(report->message)}});
  }
  void OnHyperv(hyperv::VpIndex vp, kvm::HypervExit exit) override { backend_.OnHyperv(vp, exit); }
  void OnKicked(hyperv::VpIndex vp) override { backend_.OnKicked(vp); }

 private:
  EndLatch& latch_;
  vcpu::KernelBackend backend_;
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
      : has_synic_(setup.resolution.in_force.Has(hyperv::Enlightenment::kSynic)),
        events_(host.latch),
        backend_(OptionsOf<vcpu::UserBackend>(setup, vp_count, kvm_leaf),
                 {.vm = host.vm,
                  .memory = host.memory,
                  .events = events_,
                  .kick = std::move(host.kick),
                  .syndbg = host.syndbg,
                  .debug = host.syndbg,
                  .boot_zeroed = host.boot_zeroed}),
        synic_([this](hyperv::VpIndex vp) { return FindSynic(vp); }, backend_.ports()) {}

  absl::Status SetUpVm() override { return backend_.SetUpVm(); }
  absl::StatusOr<std::vector<hyperv::CpuidEntry>> SetUpVcpu(hyperv::VpIndex /*vp*/,
                                                            const kvm::Vcpu& /*vcpu*/) override {
    return backend_.Cpuid();
  }
  absl::StatusOr<hyperv::DeviceSynic*> Start(std::span<vcpu::KvmRunner* const> runners) override {
    for (uint32_t i = 0; i < runners.size(); ++i) backend_.Attach(hyperv::VpIndex(i), *runners[i]);
    HVKIT_RETURN_IF_ERROR(backend_.Start());
    return has_synic_ ? &synic_ : nullptr;
  }

  void OnMsr(hyperv::VpIndex vp, const kvm::Vcpu& /*vcpu*/, kvm::MsrExit exit) override {
    backend_.OnMsr(vp, exit);
  }
  // KVM's Hyper-V sees no guest access here.
  void OnHyperv(hyperv::VpIndex /*vp*/, kvm::HypervExit /*exit*/) override {}
  void OnKicked(hyperv::VpIndex vp) override { backend_.OnKicked(vp); }

 private:
  hyperv::Synic* FindSynic(hyperv::VpIndex vp) {
    hyperv::VirtualProcessor* const found = backend_.partition().FindVp(vp);
    return found != nullptr ? &found->synic() : nullptr;
  }

  const bool has_synic_;
  LatchEvents events_;
  vcpu::UserBackend backend_;
  hyperv::ModelSynic synic_;
};

}  // namespace

std::unique_ptr<HypervBackend> MakeHypervBackend(const HypervSetup& setup, uint32_t vp_count,
                                                 const std::optional<hyperv::KvmLeaf>& kvm_leaf,
                                                 HypervHost host) {
  if (setup.backend == HypervSetup::Kind::kKernel)
    return std::make_unique<KernelHyperv>(setup, vp_count, kvm_leaf, std::move(host));
  return std::make_unique<UserHyperv>(setup, vp_count, kvm_leaf, std::move(host));
}

}  // namespace hvkit::vmm
