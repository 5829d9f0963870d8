// CPUID leaves 0x40000006 (what hardware the hypervisor uses) and 0x40000009 (what a hypervisor
// that is nested offers to its own guests).
//
// Source: TLFS feature-discovery.md "Implementation Hardware Features" and "Nested Hypervisor
// Feature Identification". Informational: guests take no decision of correctness from them, so
// they stand apart from cpuid.h. Immutable.
#ifndef HVKIT_HYPERV_TLFS_CPUID_PLATFORM_H_
#define HVKIT_HYPERV_TLFS_CPUID_PLATFORM_H_

#include <cstdint>

#include "hyperv/tlfs/cpuid.h"

namespace hvkit::hyperv::tlfs {

namespace bits {
namespace internal {
constexpr CpuidBit Hardware(uint8_t bit, const char* name) {
  return {CpuidLeaf::kHardwareFeatures, CpuidRegister::kEax, bit, name};
}
constexpr CpuidBit NestedHypervisor(CpuidRegister reg, uint8_t bit, const char* name) {
  return {CpuidLeaf::kNestedHypervisorFeatures, reg, bit, name};
}
}  // namespace internal

// Leaf 0x40000006, EAX. Bits 13:10 are the hypervisor level of the guest, 0 if it is not nested.
inline constexpr CpuidBit kApicOverlayAssist = internal::Hardware(0, "ApicOverlayAssist");
inline constexpr CpuidBit kMsrBitmaps = internal::Hardware(1, "MsrBitmaps");
inline constexpr CpuidBit kPerformanceCounters = internal::Hardware(2, "PerformanceCounters");
inline constexpr CpuidBit kSecondLevelTranslation = internal::Hardware(3, "SecondLevelTranslation");
inline constexpr CpuidBit kDmaRemapping = internal::Hardware(4, "DmaRemapping");
inline constexpr CpuidBit kInterruptRemapping = internal::Hardware(5, "InterruptRemapping");
inline constexpr CpuidBit kMemoryPatrolScrubber = internal::Hardware(6, "MemoryPatrolScrubber");
inline constexpr CpuidBit kDmaProtection = internal::Hardware(7, "DmaProtection");
inline constexpr CpuidBit kHpetRequested = internal::Hardware(8, "HpetRequested");
inline constexpr CpuidBit kVolatileStimers = internal::Hardware(9, "VolatileSyntheticTimers");
inline constexpr uint32_t kHypervisorLevelShift = 10;
inline constexpr uint32_t kHypervisorLevelMask = 0xF;
inline constexpr CpuidBit kPhysicalDestinationMode = internal::Hardware(14, "PhysicalDestination");
inline constexpr CpuidBit kVmfuncAliasSwitch = internal::Hardware(15, "VmfuncAliasMapSwitch");
inline constexpr CpuidBit kHardwareMemoryZeroing = internal::Hardware(16, "HardwareMemoryZeroing");
inline constexpr CpuidBit kUnrestrictedGuest = internal::Hardware(17, "UnrestrictedGuest");
inline constexpr CpuidBit kResourceAllocation = internal::Hardware(18, "ResourceAllocation");
inline constexpr CpuidBit kResourceMonitoring = internal::Hardware(19, "ResourceMonitoring");
inline constexpr CpuidBit kGuestVirtualPmu = internal::Hardware(20, "GuestVirtualPmu");
inline constexpr CpuidBit kGuestVirtualLbr = internal::Hardware(21, "GuestVirtualLbr");
inline constexpr CpuidBit kGuestVirtualIpt = internal::Hardware(22, "GuestVirtualIpt");
inline constexpr CpuidBit kApicEmulation = internal::Hardware(23, "ApicEmulation");
inline constexpr CpuidBit kAcpiWdat = internal::Hardware(24, "AcpiWdat");

// Leaf 0x40000009.
inline constexpr CpuidBit kNestedAccessSynic =
    internal::NestedHypervisor(CpuidRegister::kEax, 2, "AccessSynicRegs");
inline constexpr CpuidBit kNestedAccessApic =
    internal::NestedHypervisor(CpuidRegister::kEax, 4, "AccessIntrCtrlRegs");
inline constexpr CpuidBit kNestedAccessHypercall =
    internal::NestedHypervisor(CpuidRegister::kEax, 5, "AccessHypercallMsrs");
inline constexpr CpuidBit kNestedAccessVpIndex =
    internal::NestedHypervisor(CpuidRegister::kEax, 6, "AccessVpIndex");
inline constexpr CpuidBit kNestedAccessReenlightenment =
    internal::NestedHypervisor(CpuidRegister::kEax, 12, "AccessReenlightenmentControls");
inline constexpr CpuidBit kNestedXmmInput =
    internal::NestedHypervisor(CpuidRegister::kEdx, 4, "XmmRegistersForFastHypercall");
inline constexpr CpuidBit kNestedXmmOutput =
    internal::NestedHypervisor(CpuidRegister::kEdx, 15, "FastHypercallOutput");
inline constexpr CpuidBit kNestedSintPolling =
    internal::NestedHypervisor(CpuidRegister::kEdx, 17, "SintPollingMode");

}  // namespace bits
}  // namespace hvkit::hyperv::tlfs

#endif  // HVKIT_HYPERV_TLFS_CPUID_PLATFORM_H_
