// The synthetic MSRs taken to user space: an MSR filter over 0x40000000..0x400003FF, which works
// the same whether or not KVM has Hyper-V emulation of its own, and the translation of the exits.
// Sources: the kernel's KVM API documentation, KVM_X86_SET_MSR_FILTER, KVM_CAP_X86_USER_SPACE_MSR,
// KVM_EXIT_X86_RDMSR.
//
// What an MSR means is the handler's business. KVM_GET_MSRS and KVM_SET_MSRS pass the filter by.
#ifndef HVKIT_VCPU_HYPERV_KVM_MSR_INTERCEPT_H_
#define HVKIT_VCPU_HYPERV_KVM_MSR_INTERCEPT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/tlfs/msr.h"
#include "kvm_ioctls/exit.h"
#include "kvm_ioctls/vm.h"

namespace hvkit::vcpu {

// The range that exits, whether or not the model has a register there.
inline constexpr uint32_t kFirstSyntheticMsr =
    static_cast<uint32_t>(hyperv::tlfs::MsrIndex::kGuestOsId);
inline constexpr uint32_t kSyntheticMsrCount = 0x400;

// Whether writes of MSRs 0x10 and 0x3B are intercepted as well (guest_tsc.h); reads never are.
enum class TscWrites : uint8_t { kToKvm, kIntercepted };

// Makes guest accesses of the synthetic MSRs exit. It replaces the VM's MSR filter, and makes no
// other access exit: those that KVM refuses fault in the guest as before. Before vCPUs run.
[[nodiscard]] absl::Status InterceptMsrs(const kvm::Vm& vm, TscWrites tsc_writes);

// What serves the intercepted MSRs of one VP. *VP thread*.
class MsrHandler {
 public:
  virtual ~MsrHandler() = default;

  // The guest's RDMSR and WRMSR.
  virtual hyperv::MsrRead ReadMsr(uint32_t index) = 0;
  virtual hyperv::MsrOutcome WriteMsr(uint32_t index, uint64_t value) = 0;
};

// Answers an exit: the value, done, or #GP(0); also for an MSR that is not the handler's. *VP
// thread*.
void AnswerMsrExit(kvm::MsrExit exit, MsrHandler& handler);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_MSR_INTERCEPT_H_
