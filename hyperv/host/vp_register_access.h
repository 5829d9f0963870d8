// Registers of virtual processors by their HV_REGISTER_NAME.
//
// TLFS: datatypes/hv_register_name.md, hypercalls/HvCallGetVpRegisters.md, HvCallSetVpRegisters.md.
// Which names there are is the host's choice.
#ifndef HVKIT_HYPERV_HOST_VP_REGISTER_ACCESS_H_
#define HVKIT_HYPERV_HOST_VP_REGISTER_ACCESS_H_

#include <cstdint>

#include "hyperv/host/ids.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// What a host lets its guest read and write. VP thread of `caller`.
class VpRegisterAccess {
 public:
  virtual ~VpRegisterAccess() = default;

  // The VP exists. kInvalidParameter: no such register for a guest, or not writable;
  // kAccessDenied: the guest has not its privilege; kInvalidRegisterValue: not a value of the
  // register; kInvalidVpState: it cannot be had of another VP now.
  virtual tlfs::HvStatus Get(VpIndex caller, VpIndex vp, uint32_t name,
                             tlfs::VpRegisterValue& value) = 0;
  virtual tlfs::HvStatus Set(VpIndex caller, VpIndex vp, uint32_t name,
                             const tlfs::VpRegisterValue& value) = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_VP_REGISTER_ACCESS_H_
