// Virtual processors by the guest's names for them: started without INIT and SIPI, and found by
// APIC id.
//
// TLFS: hypercalls/HvCallStartVirtualProcessor.md, HvCallGetVpIndexFromApicId.md.
#ifndef HVKIT_HYPERV_HOST_VP_STARTER_H_
#define HVKIT_HYPERV_HOST_VP_STARTER_H_

#include <cstdint>
#include <optional>

#include "hyperv/host/ids.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::hyperv {

// Thread-safe.
class VpStarter {
 public:
  virtual ~VpStarter() = default;

  // Makes a VP that waits for its start run from `context` on, soon. The VP exists. Nothing: that
  // is not known yet, and the caller makes the same call again; interrupts come first.
  // kInvalidVpState: it runs, or was started before. kInvalidRegisterValue: no processor can be
  // in such a state, and the VP waits on.
  virtual std::optional<tlfs::HvStatus> Start(VpIndex caller, VpIndex vp,
                                              const tlfs::InitialVpContext& context) = 0;
};

// Immutable.
class ApicIds {
 public:
  virtual ~ApicIds() = default;

  // Nothing: no VP has that APIC id.
  virtual std::optional<VpIndex> FindVp(uint32_t apic_id) const = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_VP_STARTER_H_
