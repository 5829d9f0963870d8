#include "vcpu/hyperv_kvm/user_vp.h"

#include "absl/status/status.h"
#include "vcpu/hyperv_kvm/vp_context_check.h"
#include "vcpu/hyperv_kvm/vp_start.h"

namespace hvkit::vcpu {
namespace {

using hyperv::tlfs::HvStatus;

// What the guest is told of a start.
HvStatus AnswerTo(const absl::Status& started) {
  if (started.ok()) return HvStatus::kSuccess;
  return absl::IsFailedPrecondition(started) ? HvStatus::kInvalidVpState
                                             : HvStatus::kInvalidRegisterValue;
}

}  // namespace

UserVp::UserVp(hyperv::VpIndex vp, StartRequest::Boot boot, KvmRunner& runner,
               const Surroundings& surroundings)
    : runner_(runner),
      port_(vp, runner, surroundings.sync_sets, surroundings.page, surroundings.dispatcher),
      start_(boot),
      tlb_(runner.vcpu()) {}

std::optional<HvStatus> UserVp::RequestStart(hyperv::VpIndex caller,
                                             const hyperv::tlfs::InitialVpContext& context) {
  if (!IsPossible(context)) return HvStatus::kInvalidRegisterValue;
  return start_.Ask(caller, context);
}

absl::StatusOr<PortClaim> UserVp::OnHookedPort() {
  NoteRunning();
  return port_.OnOut();
}

absl::Status UserVp::BeforeEntry() {
  if (const hyperv::tlfs::InitialVpContext* const context = start_.Take(); context != nullptr) {
    start_.Answer(AnswerTo(StartVcpu(runner_.vcpu(), *context)));
  }
  return tlb_.Flush();
}

}  // namespace hvkit::vcpu
