// HV_REGISTER_NAME: the virtual processor registers that are Hyper-V's own.
//
// Source: TLFS datatypes/hv_register_name.md. Registers of the architecture, of VTLs and of nested
// hypervisors are not named. Immutable.
#ifndef HVKIT_HYPERV_TLFS_VP_REGISTER_H_
#define HVKIT_HYPERV_TLFS_VP_REGISTER_H_

#include <cstdint>

namespace hvkit::hyperv::tlfs {

// HV_REGISTER_NAME.
enum class VpRegister : uint32_t {
  kHypervisorVersion = 0x00000100,          // CPUID 0x40000002, and so on; 128 bits each
  kPrivilegesAndFeaturesInfo = 0x00000200,  // CPUID 0x40000003
  kFeaturesInfo = 0x00000201,               // CPUID 0x40000004
  kImplementationLimitsInfo = 0x00000202,   // CPUID 0x40000005
  kHardwareFeaturesInfo = 0x00000203,       // CPUID 0x40000006
  kGuestCrashP0 = 0x00000210,               // P1 to P4 and the control register follow
  kGuestCrashCtl = 0x00000215,
  kProcessorClockFrequency = 0x00000240,
  kInterruptClockFrequency = 0x00000241,
  kVpRuntime = 0x00090000,
  kHypercall = 0x00090001,
  kGuestOsId = 0x00090002,
  kVpIndex = 0x00090003,
  kTimeRefCount = 0x00090004,
  kEoi = 0x00090010,
  kIcr = 0x00090011,
  kTpr = 0x00090012,
  kVpAssistPage = 0x00090013,
  kReferenceTsc = 0x00090017,
  kSint0 = 0x000A0000,  // SINT1 to SINT15 follow
  kScontrol = 0x000A0010,
  kSversion = 0x000A0011,
  kSiefp = 0x000A0012,
  kSimp = 0x000A0013,
  kEom = 0x000A0014,
  kStimer0Config = 0x000B0000,  // Then its count, and those of timers 1 to 3
};

}  // namespace hvkit::hyperv::tlfs

#endif  // HVKIT_HYPERV_TLFS_VP_REGISTER_H_
