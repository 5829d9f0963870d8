#include "vcpu/hyperv_kvm/user_backend.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "hyperv/reference_time/tsc_scale.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/msr.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"
#include "vcpu/hyperv_kvm/guest_tsc.h"
#include "vcpu/hyperv_kvm/msr_intercept.h"
#include "vcpu/hyperv_kvm/user_ability.h"

namespace hvkit::vcpu {
namespace {

using hyperv::Enlightenment;
using hyperv::VpIndex;
using hyperv::tlfs::CpuidBit;

std::vector<uint32_t> ApicIds(uint32_t vp_count) {
  std::vector<uint32_t> ids(vp_count);
  std::iota(ids.begin(), ids.end(), uint32_t{0});
  return ids;
}

bool IsTscWrite(kvm::MsrExit exit) {
  return exit.is_write() && (exit.index() == kMsrTsc || exit.index() == kMsrTscAdjust);
}

class VpMsrs final : public MsrHandler {
 public:
  VpMsrs(hyperv::VirtualProcessor& vp, AutoEoi& auto_eoi, const kvm::Vcpu& vcpu)
      : vp_(vp), auto_eoi_(auto_eoi), vcpu_(vcpu) {}

  hyperv::MsrRead ReadMsr(uint32_t index) override { return vp_.ReadMsr(index); }
  hyperv::MsrOutcome WriteMsr(uint32_t index, uint64_t value) override {
    const std::optional<uint32_t> sint = SintOfMsr(index);
    return sint.has_value() ? WriteSint(index, *sint, value) : vp_.WriteMsr(index, value);
  }

 private:
  // A SINT that KVM does not take is not written: the guest would wait for interrupts that never
  // end.
  hyperv::MsrOutcome WriteSint(uint32_t index, uint32_t sint, uint64_t value) {
    const hyperv::MsrRead before = vp_.ReadMsr(index);
    const hyperv::MsrOutcome outcome = vp_.WriteMsr(index, value);
    if (outcome != hyperv::MsrOutcome::kHandled) return outcome;
    if (auto_eoi_.SetSint(vcpu_, vp_.index(), sint, hyperv::tlfs::Sint{value}).ok()) return outcome;
    std::ignore = vp_.WriteMsr(index, before.value);
    return hyperv::MsrOutcome::kGeneralProtection;
  }

  hyperv::VirtualProcessor& vp_;
  AutoEoi& auto_eoi_;
  const kvm::Vcpu& vcpu_;
};

// The same for registers by their name.
class BackendMsrs final : public hyperv::VpMsrAccess {
 public:
  BackendMsrs(hyperv::Partition& partition, AutoEoi& auto_eoi, const VcpuHooks& hooks)
      : partition_(partition), auto_eoi_(auto_eoi), hooks_(hooks) {}

  hyperv::MsrRead ReadMsr(VpIndex vp, uint32_t index) override { return Msrs(vp).ReadMsr(index); }
  hyperv::MsrOutcome WriteMsr(VpIndex vp, uint32_t index, uint64_t value) override {
    return Msrs(vp).WriteMsr(index, value);
  }

 private:
  VpMsrs Msrs(VpIndex vp) { return {*partition_.FindVp(vp), auto_eoi_, hooks_.vcpu(vp)}; }

  hyperv::Partition& partition_;
  AutoEoi& auto_eoi_;
  const VcpuHooks& hooks_;
};

}  // namespace

UserBackend::UserBackend(Options options, Host host)
    : options_(std::move(options)),
      host_(std::move(host)),
      hooks_(host_.vm, options_.facts, options_.vp_count),
      auto_eoi_(options_.facts, options_.vp_count),
      interrupts_(host_.vm, ApicIds(options_.vp_count), auto_eoi_.IsSupported()),
      runners_(options_.vp_count) {}

absl::Status UserBackend::SetUpVm() const {
  if (options_.vp_count > kFirstX2ApicOnlyId) {
    if (options_.facts.Capability(KVM_CAP_X2APIC_API) == 0) {
      return absl::FailedPreconditionError(
          absl::StrFormat("%d VPs: without KVM_CAP_X2APIC_API the user back end can interrupt %d",
                          options_.vp_count, kFirstX2ApicOnlyId));
    }
    HVKIT_RETURN_IF_ERROR(EnableX2ApicIds(host_.vm));
  }
  return InterceptMsrs(host_.vm,
                       Has(Enlightenment::kTime) ? TscWrites::kIntercepted : TscWrites::kToKvm);
}

void UserBackend::Attach(VpIndex vp, KvmRunner& runner) {
  hooks_.Attach(vp, runner.vcpu());
  runners_[vp.value()] = &runner;
}

std::vector<hyperv::CpuidEntry> UserBackend::Cpuid() const {
  hyperv::CpuidFacts facts;
  facts.max_vps = static_cast<uint32_t>(options_.facts.Capability(KVM_CAP_MAX_VCPUS));
  facts.deprecate_auto_eoi = true;  // it turns APICv and AVIC off, where there is any
  facts.kvm = options_.kvm_leaf;
  std::vector<hyperv::CpuidEntry> entries = hyperv::BuildCpuid(options_.in_force, facts);
  for (hyperv::CpuidEntry& entry : entries) {
    for (const CpuidBit* bit : kWithheldBits) {
      if (entry.leaf != static_cast<uint32_t>(bit->leaf)) continue;
      hyperv::RegisterOf(entry, bit->reg) &= ~bit->mask();
    }
  }
  return entries;
}

absl::Status UserBackend::Start() {
  hyperv::PartitionConfig config;
  HVKIT_RETURN_IF_ERROR(StartClock(config.tsc_frequency_hz));
  HVKIT_ASSIGN_OR_RETURN(scheduler_,
                         TimerfdScheduler::Create(options_.vp_count, *clock_, host_.kick));
  config.in_force = options_.in_force;
  config.policy = options_.policy;
  config.vp_count = options_.vp_count;
  config.hypercall_code = HypercallPageCode(options_.hypercall_port);
  partition_.emplace(config, hyperv::PartitionHost{.memory = host_.memory,
                                                   .clock = *clock_,
                                                   .interrupts = interrupts_,
                                                   .scheduler = *scheduler_,
                                                   .events = host_.events,
                                                   .runtime = &hooks_,
                                                   .apic = &hooks_,
                                                   .eoi_assist = &hooks_,
                                                   .syndbg = host_.syndbg});
  return StartHypercalls();
}

absl::Status UserBackend::StartHypercalls() {
  msrs_ = std::make_unique<BackendMsrs>(*partition_, auto_eoi_, hooks_);
  registers_.emplace(partition_->privileges(), Cpuid(), *msrs_);
  const auto sync_sets = static_cast<uint64_t>(options_.facts.Capability(KVM_CAP_SYNC_REGS));
  const UserHypercalls::Options options{
      .port = options_.hypercall_port, .sync_sets = sync_sets, .flush = options_.policy.flush};
  HVKIT_ASSIGN_OR_RETURN(hypercalls_, UserHypercalls::Create(options,
                                                             {.partition = *partition_,
                                                              .memory = host_.memory,
                                                              .interrupts = interrupts_,
                                                              .kick = host_.kick,
                                                              .connections = &ports_,
                                                              .debug = host_.debug,
                                                              .boot_zeroed = host_.boot_zeroed,
                                                              .registers = &*registers_},
                                                             runners_));
  return absl::OkStatus();
}

absl::Status UserBackend::StartClock(uint64_t& tsc_hz) {
  std::vector<uint64_t> offsets;
  for (uint32_t vp = 0; vp < options_.vp_count; ++vp) {
    HVKIT_ASSIGN_OR_RETURN(const uint64_t offset, hooks_.vcpu(VpIndex(vp)).GetTscOffset());
    offsets.push_back(offset);
  }
  constexpr uint64_t kHzPerKhz = 1000;
  HVKIT_ASSIGN_OR_RETURN(const uint32_t khz, hooks_.vcpu(VpIndex(0)).GetTscKhz());
  tsc_hz = khz * kHzPerKhz;
  const std::optional<uint64_t> scale = hyperv::ScaleOfTsc(tsc_hz);
  if (!scale.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrFormat("KVM_GET_TSC_KHZ: %d kHz is too slow for reference time", khz));
  }
  clock_.emplace(*scale, std::move(offsets), [this] { return TscIsStable(); });
  return absl::OkStatus();
}

bool UserBackend::TscIsStable() const {
  const absl::StatusOr<kvm_clock_data> clock = host_.vm.GetClock();
  return clock.ok() && (clock->flags & KVM_CLOCK_TSC_STABLE) != 0;
}

void UserBackend::OnMsr(VpIndex vp, kvm::MsrExit exit) {
  hypercalls_->NoteMsrExit(vp);
  if (IsTscWrite(exit)) return OnTscWrite(vp, exit);
  VpMsrs msrs(*partition_->FindVp(vp), auto_eoi_, hooks_.vcpu(vp));
  AnswerMsrExit(exit, msrs);
}

void UserBackend::OnTscWrite(VpIndex vp, kvm::MsrExit exit) {
  const absl::StatusOr<uint64_t> offset = WriteTscMsr(hooks_.vcpu(vp), exit.index(), exit.data());
  if (!offset.ok()) return exit.SetError();
  if (clock_->MoveTsc(vp, *offset)) partition_->RepublishReferenceTsc();
  exit.SetWritten();
}

void UserBackend::OnKicked(VpIndex vp) {
  partition_->FindVp(vp)->Poll(std::max(clock_->Now(), scheduler_->TakeReached(vp)));
}

void UserBackend::Pause() {
  clock_->Freeze();
  scheduler_->Suspend();
}

void UserBackend::Resume() {
  clock_->Thaw();
  partition_->RepublishReferenceTsc();
  scheduler_->Resume();
}

}  // namespace hvkit::vcpu
