// The synthetic debugger's command and its status. SyndbgOptions is in msr.h.
//
// The TLFS names neither the MSRs nor their bits: QEMU's hw/hyperv/syndbg.c and hyperv-proto.h,
// Linux's arch/x86/kvm/hyperv.h. The hypercalls' blocks are in hypercall_vp.h. Immutable.
#ifndef HVKIT_HYPERV_TLFS_SYNDBG_H_
#define HVKIT_HYPERV_TLFS_SYNDBG_H_

#include <cstdint>

#include "hyperv/tlfs/field.h"

namespace hvkit::hyperv::tlfs {

// HV_X64_MSR_SYNDBG_CONTROL: a command.
struct SyndbgControl {
  uint64_t raw = 0;
  using Send = Field<0, 1>;  // SendSize bytes from the send page on
  using Receive = Field<1, 1>;
  using SendSize = Field<16, 16>;
};

// HV_X64_MSR_SYNDBG_STATUS: how the last command ended; 0 where there was nothing, or no debugger.
struct SyndbgStatus {
  uint64_t raw = 0;
  using SendSuccess = Field<0, 1>;
  using ReceiveSuccess = Field<2, 1>;
  using Reset = Field<3, 1>;
  using ReceivedSize = Field<16, 16>;
};

}  // namespace hvkit::hyperv::tlfs

#endif  // HVKIT_HYPERV_TLFS_SYNDBG_H_
