#include "vcpu/hyperv_kvm/msr_intercept.h"

#include <array>

#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"
#include "vcpu/hyperv_kvm/guest_tsc.h"

namespace hvkit::vcpu {

absl::Status InterceptMsrs(const kvm::Vm& vm, TscWrites tsc_writes) {
  HVKIT_RETURN_IF_ERROR(vm.EnableCap(KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER));
  std::array<uint8_t, kSyntheticMsrCount / 8> none_allowed{};  // KVM copies it
  kvm_msr_filter filter{};
  filter.flags = KVM_MSR_FILTER_DEFAULT_ALLOW;
  filter.ranges[0] = {.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                      .nmsrs = kSyntheticMsrCount,
                      .base = kFirstSyntheticMsr,
                      .bitmap = none_allowed.data()};
  if (tsc_writes == TscWrites::kIntercepted) {
    filter.ranges[1] = {
        .flags = KVM_MSR_FILTER_WRITE, .nmsrs = 1, .base = kMsrTsc, .bitmap = none_allowed.data()};
    filter.ranges[2] = {.flags = KVM_MSR_FILTER_WRITE,
                        .nmsrs = 1,
                        .base = kMsrTscAdjust,
                        .bitmap = none_allowed.data()};
  }
  return vm.SetMsrFilter(filter);
}

void AnswerMsrExit(kvm::MsrExit exit, MsrHandler& handler) {
  if (exit.is_write()) {
    if (handler.WriteMsr(exit.index(), exit.data()) == hyperv::MsrOutcome::kHandled) {
      exit.SetWritten();
    } else {
      exit.SetError();
    }
    return;
  }
  const hyperv::MsrRead read = handler.ReadMsr(exit.index());
  if (read.outcome == hyperv::MsrOutcome::kHandled) {
    exit.SetData(read.value);
  } else {
    exit.SetError();
  }
}

}  // namespace hvkit::vcpu
