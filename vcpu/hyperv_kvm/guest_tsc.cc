#include "vcpu/hyperv_kvm/guest_tsc.h"

#include "kvm_ioctls/status_macros.h"

namespace hvkit::vcpu {

absl::StatusOr<uint64_t> WriteTscMsr(const kvm::Vcpu& vcpu, uint32_t msr, uint64_t value) {
  HVKIT_ASSIGN_OR_RETURN(const uint64_t offset, vcpu.GetTscOffset());
  HVKIT_ASSIGN_OR_RETURN(const uint64_t adjust, vcpu.GetMsr(kMsrTscAdjust));
  HVKIT_ASSIGN_OR_RETURN(const uint64_t before, vcpu.GetMsr(msr));
  const uint64_t moved_by = value - before;
  HVKIT_RETURN_IF_ERROR(vcpu.SetTscOffset(offset + moved_by));
  HVKIT_ASSIGN_OR_RETURN(const uint64_t in_force, vcpu.GetTscOffset());
  HVKIT_RETURN_IF_ERROR(vcpu.SetMsr(kMsrTscAdjust, adjust + in_force - offset));
  return in_force;
}

}  // namespace hvkit::vcpu
