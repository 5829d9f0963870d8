#include "vcpu/hyperv_kvm/user_vp.h"

#include "absl/status/status.h"
#include "vcpu/hyperv_kvm/vp_start.h"

namespace hvkit::vcpu {

using hyperv::tlfs::HvStatus;

UserVp::UserVp(hyperv::VpIndex vp, Boot boot, KvmRunner& runner, const Surroundings& surroundings)
    : runner_(runner),
      sregs_form_(surroundings.sregs_form),
      port_(vp, runner, surroundings.sync_sets, surroundings.page, surroundings.dispatcher),
      state_(boot == Boot::kRuns ? State::kRunning : State::kWaiting) {}

HvStatus UserVp::RequestStart(const hyperv::tlfs::InitialVpContext& context) {
  if (!IsPossible(context)) return HvStatus::kInvalidRegisterValue;
  State waiting = State::kWaiting;
  if (!state_.compare_exchange_strong(waiting, State::kBeingStarted)) {
    return HvStatus::kInvalidVpState;
  }
  start_ = context;
  State being_started = State::kBeingStarted;
  state_.compare_exchange_strong(being_started, State::kToStart);
  return HvStatus::kSuccess;
}

absl::StatusOr<PortClaim> UserVp::OnHookedPort() {
  NoteRunning();
  return port_.OnOut();
}

// A VP that turns out to run, or whose state KVM refuses, goes on as it was. A guest can get its
// own registers into a form that KVM_SET_SREGS refuses (CS.L without long mode, for one): it then
// keeps translations, which only it can come to harm by.
absl::Status UserVp::BeforeEntry() {
  State to_start = State::kToStart;
  if (state_.compare_exchange_strong(to_start, State::kRunning)) {
    StartVcpu(runner_.vcpu(), start_).IgnoreError();
  }
  const absl::Status flushed = FlushTlb(runner_.vcpu(), sregs_form_);
  return absl::IsInvalidArgument(flushed) ? absl::OkStatus() : flushed;
}

}  // namespace hvkit::vcpu
