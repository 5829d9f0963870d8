// What was asked for by `--cpu`: the input of dependency check and resolution.
//
// Filled by ParseCpuFlag (cpu_flag.h) or by hand. A plain value.
#ifndef HVKIT_HYPERV_ENLIGHTENMENTS_CPU_SPEC_H_
#define HVKIT_HYPERV_ENLIGHTENMENTS_CPU_SPEC_H_

#include <cstdint>

#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"
#include "hyperv/tlfs/cpuid.h"

namespace hvkit::hyperv {

// The default is `--cpu=host`: no Hyper-V, KVM's own leaves.
struct CpuSpec {
  EnlightenmentSet requested;  // Named on, with their values
  EnlightenmentMask refused;   // Named off: left out even of what is taken by default
  EnlightenmentMask wished;    // By hv=PRESET (preset.h): taken where they can be had
  uint32_t wished_spinlocks = tlfs::kSpinlocksNever;  // hv_spinlocks, where only wished
  bool auto_coresharing = false;  // hv_no_nonarch_coresharing=auto: take it if it can be had
  bool kvm = true;                // kvm=off: no KVM signature and features
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_ENLIGHTENMENTS_CPU_SPEC_H_
