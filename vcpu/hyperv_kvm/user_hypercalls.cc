#include "vcpu/hyperv_kvm/user_hypercalls.h"

#include <sched.h>

#include <utility>

#include "kvm_ioctls/status_macros.h"

namespace hvkit::vcpu {

using hyperv::VpIndex;
using hyperv::tlfs::HvStatus;

void YieldingSpinWaiter::OnLongSpin(VpIndex, uint32_t) { ::sched_yield(); }

std::optional<VpIndex> SequentialApicIds::FindVp(uint32_t apic_id) const {
  if (apic_id >= vp_count_) return std::nullopt;
  return VpIndex(apic_id);
}

absl::StatusOr<std::unique_ptr<UserHypercalls>> UserHypercalls::Create(
    const Options& options, Host host, std::span<KvmRunner* const> runners) {
  std::unique_ptr<UserHypercalls> hypercalls(new UserHypercalls(std::move(host)));
  hypercalls->AddVps(options, runners);
  HVKIT_RETURN_IF_ERROR(hypercalls->AddCalls(options));
  return hypercalls;
}

UserHypercalls::UserHypercalls(Host host)
    : host_(std::move(host)),
      table_(host_.partition.privileges()),
      dispatcher_(table_, host_.memory),
      apic_ids_(host_.partition.vp_count()) {}

void UserHypercalls::AddVps(const Options& options, std::span<KvmRunner* const> runners) {
  const UserVp::Surroundings surroundings{.page = host_.partition.hypercall_page(),
                                          .dispatcher = dispatcher_,
                                          .sync_sets = options.sync_sets};
  std::vector<EntryGate*> gates;
  for (KvmRunner* runner : runners) {
    const VpIndex vp(static_cast<uint32_t>(vps_.size()));
    const auto boot = vps_.empty() ? StartRequest::Boot::kRuns : StartRequest::Boot::kWaits;
    vps_.push_back(std::make_unique<UserVp>(vp, boot, *runner, surroundings));
    vps_.back()->Hook(options.port);
    gates.push_back(&vps_.back()->gate());
  }
  flusher_.emplace(std::move(gates), host_.kick);
}

absl::Status UserHypercalls::AddCalls(const Options& options) {
  const hyperv::HypercallHost model{.tlb = &*flusher_,
                                    .interrupts = &host_.interrupts,
                                    .spin = &spin_,
                                    .connections = host_.connections,
                                    .debug = host_.debug,
                                    .boot_zeroed = host_.boot_zeroed,
                                    .starter = this,
                                    .apic_ids = &apic_ids_,
                                    .registers = host_.registers};
  standard_.emplace(model, hyperv::HypercallConfig{.vp_count = host_.partition.vp_count(),
                                                   .flush = options.flush,
                                                   .partition_id = std::nullopt});
  if (standard_->AddTo(table_)) return absl::OkStatus();
  return absl::InternalError("the table of hypercalls has no room for the TLFS's own");
}

// Waits no longer than until the VP has left the guest: what it does then may be a pause.
std::optional<HvStatus> UserHypercalls::Start(VpIndex caller, VpIndex vp,
                                              const hyperv::tlfs::InitialVpContext& context) {
  UserVp& target = *vps_[vp.value()];
  const std::optional<HvStatus> status = target.RequestStart(caller, context);
  if (status.has_value()) return status;
  const EntryGate::Visit visit = target.gate().Request();
  if (visit.in_guest) {
    if (visit.first) host_.kick(vp);
    target.gate().WaitUntilLeft(visit.entry);
  } else {
    ::sched_yield();
  }
  return std::nullopt;
}

}  // namespace hvkit::vcpu
