// The loops that the run loop is measured against: KVM_RUN and what one guest's exits need, as a C
// program for that guest alone would have it. Source: the kernel's KVM API documentation, KVM_RUN.
#ifndef HVKIT_VCPU_HYPERV_KVM_RAW_EXIT_LOOPS_H_
#define HVKIT_VCPU_HYPERV_KVM_RAW_EXIT_LOOPS_H_

#include <cstddef>

#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::vcpu {

struct RawVcpu {
  int fd;
  kvm_run* run;
};

// Each runs the vCPU until `count` exits have been answered; false at an error or any other exit.
// *VP thread*.
using RawLoop = bool (*)(RawVcpu vcpu, size_t count);

bool RawPortWrites(RawVcpu vcpu, size_t count);
bool RawMmioWrites(RawVcpu vcpu, size_t count);
bool RawMsrReads(RawVcpu vcpu, size_t count);
// The same, with the guest's registers: by the ioctl; as each exit brings them along.
bool RawMsrReadsWithGetRegs(RawVcpu vcpu, size_t count);
bool RawMsrReadsWithSyncRegs(RawVcpu vcpu, size_t count);
bool RawMsrWrites(RawVcpu vcpu, size_t count);
// Port writes that are answered in RAX, through synced registers.
bool RawPortCalls(RawVcpu vcpu, size_t count);
// Entries that immediate_exit keeps out of the guest.
bool RawImmediateExits(RawVcpu vcpu, size_t count);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_RAW_EXIT_LOOPS_H_
