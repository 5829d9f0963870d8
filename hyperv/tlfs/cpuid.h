// CPUID leaves 0x40000000 and up: numbers, signatures and every defined bit.
//
// Source: TLFS feature-discovery.md "Microsoft Hypervisor CPUID Leaves" and datatypes/
// hv_partition_privilege_mask.md; bits marked (mini) are only in Linux's hvgdk_mini.h, bits marked
// (openvmm) only in OpenVMM's hvdef. Names are the TLFS's where it has one. No policy here: which
// bits a guest sees is decided by hyperv/cpuid. Leaves 6 and 9 are in cpuid_platform.h. Immutable.
#ifndef HVKIT_HYPERV_TLFS_CPUID_H_
#define HVKIT_HYPERV_TLFS_CPUID_H_

#include <cstdint>

namespace hvkit::hyperv::tlfs {

// The hypervisor's leaves.
enum class CpuidLeaf : uint32_t {
  kVendorAndMax = 0x40000000,
  kInterface = 0x40000001,
  kVersion = 0x40000002,
  kFeatures = 0x40000003,
  kRecommendations = 0x40000004,
  kLimits = 0x40000005,
  kHardwareFeatures = 0x40000006,
  kCpuManagement = 0x40000007,
  kSharedVirtualMemory = 0x40000008,
  kNestedHypervisorFeatures = 0x40000009,
  kNestedFeatures = 0x4000000A,
  kIsolation = 0x4000000C,
  kSyndbgVendorAndMax = 0x40000080,
  kSyndbgInterface = 0x40000081,
  kSyndbgCapabilities = 0x40000082,
};

// Of a leaf.
enum class CpuidRegister : uint8_t { kEax, kEbx, kEcx, kEdx };

// One bit of one leaf, with the name to show to people.
struct CpuidBit {
  CpuidLeaf leaf;
  CpuidRegister reg;
  uint8_t bit;
  const char* name;

  [[nodiscard]] constexpr uint32_t mask() const { return uint32_t{1} << bit; }
};

inline constexpr uint32_t kMinimumMaxLeaf = 0x40000005;      // Leaf 0x40000000, EAX
inline constexpr char kVendorMicrosoft[] = "Microsoft Hv";   // Leaf 0x40000000, EBX ECX EDX
inline constexpr uint32_t kInterfaceSignature = 0x31237648;  // "Hv#1": leaf 0x40000001, EAX
inline constexpr char kSyndbgVendor[] = "Microsoft VS";      // Leaf 0x40000080, EBX ECX EDX
inline constexpr uint32_t kSyndbgSignature = 0x31235356;     // "VS#1": leaf 0x40000081, EAX
inline constexpr uint32_t kSpinlocksNever = 0xFFFFFFFF;      // Leaf 0x40000004, EBX: never notify

// Leaf 0x4000000A, EAX: the range of enlightened VMCS versions.
inline constexpr uint32_t kEvmcsVersionLowMask = 0xFF;
inline constexpr uint32_t kEvmcsVersionHighShift = 8;

namespace bits {
namespace internal {
constexpr CpuidBit FeatureA(uint8_t bit, const char* name) {
  return {CpuidLeaf::kFeatures, CpuidRegister::kEax, bit, name};
}
constexpr CpuidBit FeatureB(uint8_t bit, const char* name) {
  return {CpuidLeaf::kFeatures, CpuidRegister::kEbx, bit, name};
}
constexpr CpuidBit FeatureC(uint8_t bit, const char* name) {
  return {CpuidLeaf::kFeatures, CpuidRegister::kEcx, bit, name};
}
constexpr CpuidBit FeatureD(uint8_t bit, const char* name) {
  return {CpuidLeaf::kFeatures, CpuidRegister::kEdx, bit, name};
}
constexpr CpuidBit Recommend(uint8_t bit, const char* name) {
  return {CpuidLeaf::kRecommendations, CpuidRegister::kEax, bit, name};
}
constexpr CpuidBit Nested(CpuidRegister reg, uint8_t bit, const char* name) {
  return {CpuidLeaf::kNestedFeatures, reg, bit, name};
}
}  // namespace internal

// Leaf 0x40000003, EAX: privileges 0..31, access to MSRs.
inline constexpr CpuidBit kAccessVpRuntime = internal::FeatureA(0, "AccessVpRunTimeReg");
inline constexpr CpuidBit kAccessTimeRefCount =
    internal::FeatureA(1, "AccessPartitionReferenceCounter");
inline constexpr CpuidBit kAccessSynic = internal::FeatureA(2, "AccessSynicRegs");
inline constexpr CpuidBit kAccessStimer = internal::FeatureA(3, "AccessSyntheticTimerRegs");
inline constexpr CpuidBit kAccessApic = internal::FeatureA(4, "AccessIntrCtrlRegs");
inline constexpr CpuidBit kAccessHypercall = internal::FeatureA(5, "AccessHypercallMsrs");
inline constexpr CpuidBit kAccessVpIndex = internal::FeatureA(6, "AccessVpIndex");
inline constexpr CpuidBit kAccessReset = internal::FeatureA(7, "AccessResetReg");
inline constexpr CpuidBit kAccessStats = internal::FeatureA(8, "AccessStatsReg");
inline constexpr CpuidBit kAccessReferenceTsc =
    internal::FeatureA(9, "AccessPartitionReferenceTsc");
inline constexpr CpuidBit kAccessGuestIdle = internal::FeatureA(10, "AccessGuestIdleReg");
inline constexpr CpuidBit kAccessFrequency = internal::FeatureA(11, "AccessFrequencyRegs");
inline constexpr CpuidBit kAccessDebug = internal::FeatureA(12, "AccessDebugRegs");  // (openvmm)
inline constexpr CpuidBit kAccessReenlightenment =
    internal::FeatureA(13, "AccessReenlightenmentControls");
inline constexpr CpuidBit kAccessTscInvariant =
    internal::FeatureA(15, "AccessTscInvariantControls");  // (mini)

// Leaf 0x40000003, EBX: privileges 32..63, access to hypercalls.
inline constexpr CpuidBit kCreatePartitions = internal::FeatureB(0, "CreatePartitions");
inline constexpr CpuidBit kAccessPartitionId = internal::FeatureB(1, "AccessPartitionId");
inline constexpr CpuidBit kAccessMemoryPool = internal::FeatureB(2, "AccessMemoryPool");
inline constexpr CpuidBit kPostMessages = internal::FeatureB(4, "PostMessages");
inline constexpr CpuidBit kSignalEvents = internal::FeatureB(5, "SignalEvents");
inline constexpr CpuidBit kCreatePort = internal::FeatureB(6, "CreatePort");
inline constexpr CpuidBit kConnectPort = internal::FeatureB(7, "ConnectPort");
inline constexpr CpuidBit kAccessStatsCalls = internal::FeatureB(8, "AccessStats");
inline constexpr CpuidBit kDebugging = internal::FeatureB(11, "Debugging");
inline constexpr CpuidBit kCpuManagement = internal::FeatureB(12, "CpuManagement");
inline constexpr CpuidBit kAccessVsm = internal::FeatureB(16, "AccessVSM");
inline constexpr CpuidBit kAccessVpRegisters = internal::FeatureB(17, "AccessVpRegisters");
inline constexpr CpuidBit kFastHypercallOutput =
    internal::FeatureB(19, "FastHypercallOutput");  // (openvmm)
inline constexpr CpuidBit kExtendedHypercalls = internal::FeatureB(20, "EnableExtendedHypercalls");
inline constexpr CpuidBit kStartVirtualProcessor = internal::FeatureB(21, "StartVirtualProcessor");
inline constexpr CpuidBit kIsolationPrivilege = internal::FeatureB(22, "Isolation");  // (mini)

// Leaf 0x40000003, ECX.
inline constexpr CpuidBit kInvariantMperf = internal::FeatureC(5, "InvariantMperf");
inline constexpr CpuidBit kSupervisorShadowStack = internal::FeatureC(6, "SupervisorShadowStack");
inline constexpr CpuidBit kArchitecturalPmu = internal::FeatureC(7, "ArchitecturalPmu");
inline constexpr CpuidBit kExceptionTrapIntercept = internal::FeatureC(8, "ExceptionTrapIntercept");

// Leaf 0x40000003, EDX: features.
inline constexpr CpuidBit kMwait = internal::FeatureD(0, "Mwait");  // Deprecated
inline constexpr CpuidBit kGuestDebugging = internal::FeatureD(1, "GuestDebugging");
inline constexpr CpuidBit kPerformanceMonitor = internal::FeatureD(2, "PerformanceMonitor");
inline constexpr CpuidBit kDynamicPartitioning = internal::FeatureD(3, "CpuDynamicPartitioning");
inline constexpr CpuidBit kXmmInput = internal::FeatureD(4, "XmmRegistersForFastHypercall");
inline constexpr CpuidBit kGuestIdle = internal::FeatureD(5, "GuestIdle");
inline constexpr CpuidBit kHypervisorSleep = internal::FeatureD(6, "HypervisorSleepState");
inline constexpr CpuidBit kNumaDistance = internal::FeatureD(7, "NumaDistanceQuery");
inline constexpr CpuidBit kFrequencyMsrs = internal::FeatureD(8, "TimerFrequencies");
inline constexpr CpuidBit kSyntheticMachineCheck = internal::FeatureD(9, "SyntheticMachineCheck");
inline constexpr CpuidBit kGuestCrashMsrs = internal::FeatureD(10, "GuestCrashMsrs");
inline constexpr CpuidBit kDebugMsrs = internal::FeatureD(11, "DebugMsrs");
inline constexpr CpuidBit kNpiep = internal::FeatureD(12, "Npiep");
inline constexpr CpuidBit kDisableHypervisor = internal::FeatureD(13, "DisableHypervisor");
inline constexpr CpuidBit kExtendedGvaRanges = internal::FeatureD(14, "ExtendedGvaRangesForFlush");
inline constexpr CpuidBit kXmmOutput = internal::FeatureD(15, "FastHypercallOutputViaXmm");
inline constexpr CpuidBit kSintPolling = internal::FeatureD(17, "SintPollingMode");
inline constexpr CpuidBit kHypercallMsrLock = internal::FeatureD(18, "HypercallMsrLock");
inline constexpr CpuidBit kDirectStimer = internal::FeatureD(19, "DirectSyntheticTimers");
inline constexpr CpuidBit kVsmPat = internal::FeatureD(20, "PatRegisterForVsm");
inline constexpr CpuidBit kVsmBndcfgs = internal::FeatureD(21, "BndcfgsRegisterForVsm");
inline constexpr CpuidBit kUnhaltedTimer = internal::FeatureD(23, "SyntheticTimeUnhaltedTimer");
inline constexpr CpuidBit kIntelLbr = internal::FeatureD(26, "LastBranchRecord");

// Leaf 0x40000004, EAX: recommendations.
inline constexpr CpuidBit kUseAddressSwitch =
    internal::Recommend(0, "UseHypercallForAddressSwitch");
inline constexpr CpuidBit kUseLocalFlush = internal::Recommend(1, "UseHypercallForLocalFlush");
inline constexpr CpuidBit kUseRemoteFlush = internal::Recommend(2, "UseHypercallForRemoteFlush");
inline constexpr CpuidBit kUseApicMsrs = internal::Recommend(3, "UseApicMsrs");
inline constexpr CpuidBit kUseResetMsr = internal::Recommend(4, "UseMsrForReset");
inline constexpr CpuidBit kUseRelaxedTiming = internal::Recommend(5, "UseRelaxedTiming");
inline constexpr CpuidBit kUseDmaRemapping = internal::Recommend(6, "UseDmaRemapping");
inline constexpr CpuidBit kUseInterruptRemapping = internal::Recommend(7, "UseInterruptRemapping");
inline constexpr CpuidBit kUseX2ApicMsrs = internal::Recommend(8, "UseX2ApicMsrs");  // (openvmm)
inline constexpr CpuidBit kDeprecateAutoEoi = internal::Recommend(9, "DeprecateAutoEoi");
inline constexpr CpuidBit kUseClusterIpi = internal::Recommend(10, "UseSyntheticClusterIpi");
inline constexpr CpuidBit kUseExProcessorMasks = internal::Recommend(11, "UseExProcessorMasks");
inline constexpr CpuidBit kIsNested = internal::Recommend(12, "Nested");
inline constexpr CpuidBit kUseIntForMbec = internal::Recommend(13, "UseIntForMbecSystemCalls");
inline constexpr CpuidBit kUseEvmcs = internal::Recommend(14, "UseEnlightenedVmcs");
inline constexpr CpuidBit kUseSyncedTimeline = internal::Recommend(15, "UseSyncedTimeline");
inline constexpr CpuidBit kUseDirectLocalFlush =
    internal::Recommend(17, "UseDirectLocalFlushEntire");
inline constexpr CpuidBit kNoNonarchCoresharing =
    internal::Recommend(18, "NoNonArchitecturalCoreSharing");

// Leaf 0x4000000A: nested virtualization features.
inline constexpr CpuidBit kNestedDirectFlush =
    internal::Nested(CpuidRegister::kEax, 17, "DirectVirtualFlush");
inline constexpr CpuidBit kNestedFlushGpa =
    internal::Nested(CpuidRegister::kEax, 18, "FlushGuestPhysicalAddress");
inline constexpr CpuidBit kNestedMsrBitmap =
    internal::Nested(CpuidRegister::kEax, 19, "EnlightenedMsrBitmap");
inline constexpr CpuidBit kNestedVirtualizationException =
    internal::Nested(CpuidRegister::kEax, 20, "VirtualizationExceptionInPageFault");
inline constexpr CpuidBit kNestedDebugCtl =
    internal::Nested(CpuidRegister::kEax, 21, "NonZeroGuestDebugCtl");
inline constexpr CpuidBit kNestedEnlightenedTlb =
    internal::Nested(CpuidRegister::kEax, 22, "EnlightenedNptTlb");
inline constexpr CpuidBit kNestedPerfGlobalCtrl =
    internal::Nested(CpuidRegister::kEbx, 0, "EvmcsPerfGlobalCtrl");

// Leaf 0x40000082, EAX.
inline constexpr CpuidBit kAllowKernelDebugging = {CpuidLeaf::kSyndbgCapabilities,
                                                   CpuidRegister::kEax, 1, "AllowKernelDebugging"};

}  // namespace bits
}  // namespace hvkit::hyperv::tlfs

#endif  // HVKIT_HYPERV_TLFS_CPUID_H_
