// Synthetic MSRs: numbers and register layouts.
//
// Source: TLFS hypercall-interface.md, timers.md, inter-partition-communication.md,
// vp-properties.md, partition-properties.md "Partition Crash Enlightenment",
// nested-virtualization.md "Live Migration Notification"; the debugger's MSRs from Linux's
// arch/x86/kvm/hyperv.h. Each number carries its TLFS name and the bit of leaf 0x40000003 that
// gates it. No behaviour and no reserved-bit policy here. Immutable.
#ifndef HVKIT_HYPERV_TLFS_MSR_H_
#define HVKIT_HYPERV_TLFS_MSR_H_

#include <cstdint>

#include "hyperv/tlfs/field.h"

namespace hvkit::hyperv::tlfs {

// The numbers of the synthetic MSRs.
enum class MsrIndex : uint32_t {
  kGuestOsId = 0x40000000,            // HV_X64_MSR_GUEST_OS_ID, AccessHypercallMsrs
  kHypercall = 0x40000001,            // HV_X64_MSR_HYPERCALL, AccessHypercallMsrs
  kVpIndex = 0x40000002,              // HV_X64_MSR_VP_INDEX, AccessVpIndex
  kReset = 0x40000003,                // HV_X64_MSR_RESET, AccessResetReg
  kVpRuntime = 0x40000010,            // HV_X64_MSR_VP_RUNTIME, AccessVpRunTimeReg
  kTimeRefCount = 0x40000020,         // HV_X64_MSR_TIME_REF_COUNT, AccessPartitionReferenceCounter
  kReferenceTsc = 0x40000021,         // HV_X64_MSR_REFERENCE_TSC, AccessPartitionReferenceTsc
  kTscFrequency = 0x40000022,         // HV_X64_MSR_TSC_FREQUENCY, AccessFrequencyRegs
  kApicFrequency = 0x40000023,        // HV_X64_MSR_APIC_FREQUENCY, AccessFrequencyRegs
  kNpiepConfig = 0x40000040,          // HV_X64_MSR_NPIEP_CONFIG, feature Npiep
  kEoi = 0x40000070,                  // HV_X64_MSR_EOI, AccessIntrCtrlRegs
  kIcr = 0x40000071,                  // HV_X64_MSR_ICR, AccessIntrCtrlRegs
  kTpr = 0x40000072,                  // HV_X64_MSR_TPR, AccessIntrCtrlRegs
  kVpAssistPage = 0x40000073,         // HV_X64_MSR_VP_ASSIST_PAGE, AccessIntrCtrlRegs
  kScontrol = 0x40000080,             // HV_X64_MSR_SCONTROL, AccessSynicRegs
  kSversion = 0x40000081,             // HV_X64_MSR_SVERSION, AccessSynicRegs
  kSiefp = 0x40000082,                // HV_X64_MSR_SIEFP, AccessSynicRegs
  kSimp = 0x40000083,                 // HV_X64_MSR_SIMP, AccessSynicRegs
  kEom = 0x40000084,                  // HV_X64_MSR_EOM, AccessSynicRegs
  kSint0 = 0x40000090,                // HV_X64_MSR_SINT0, AccessSynicRegs
  kSint15 = 0x4000009F,               // HV_X64_MSR_SINT15, AccessSynicRegs
  kStimer0Config = 0x400000B0,        // HV_X64_MSR_STIMER0_CONFIG, AccessSyntheticTimerRegs
  kStimer0Count = 0x400000B1,         // HV_X64_MSR_STIMER0_COUNT, AccessSyntheticTimerRegs
  kStimer3Config = 0x400000B6,        // HV_X64_MSR_STIMER3_CONFIG, AccessSyntheticTimerRegs
  kStimer3Count = 0x400000B7,         // HV_X64_MSR_STIMER3_COUNT, AccessSyntheticTimerRegs
  kGuestIdle = 0x400000F0,            // HV_X64_MSR_GUEST_IDLE, AccessGuestIdleReg
  kSyndbgControl = 0x400000F1,        // HV_X64_MSR_SYNDBG_CONTROL, feature DebugMsrs
  kSyndbgStatus = 0x400000F2,         // HV_X64_MSR_SYNDBG_STATUS, feature DebugMsrs
  kSyndbgSendBuffer = 0x400000F3,     // HV_X64_MSR_SYNDBG_SEND_BUFFER, feature DebugMsrs
  kSyndbgReceiveBuffer = 0x400000F4,  // HV_X64_MSR_SYNDBG_RECV_BUFFER, feature DebugMsrs
  kSyndbgPendingBuffer = 0x400000F5,  // HV_X64_MSR_SYNDBG_PENDING_BUFFER, feature DebugMsrs
  kSyndbgOptions = 0x400000FF,        // HV_X64_MSR_SYNDBG_OPTIONS, feature DebugMsrs
  kCrashP0 = 0x40000100,              // HV_X64_MSR_CRASH_P0, feature GuestCrashMsrs
  kCrashP1 = 0x40000101,              // HV_X64_MSR_CRASH_P1, feature GuestCrashMsrs
  kCrashP2 = 0x40000102,              // HV_X64_MSR_CRASH_P2, feature GuestCrashMsrs
  kCrashP3 = 0x40000103,              // HV_X64_MSR_CRASH_P3, feature GuestCrashMsrs
  kCrashP4 = 0x40000104,              // HV_X64_MSR_CRASH_P4, feature GuestCrashMsrs
  kCrashCtl = 0x40000105,             // HV_X64_MSR_CRASH_CTL, feature GuestCrashMsrs
  kReenlightenmentControl = 0x40000106,  // HV_X64_MSR_REENLIGHTENMENT_CONTROL,
                                         // AccessReenlightenmentControls
  kTscEmulationControl = 0x40000107,     // HV_X64_MSR_TSC_EMULATION_CONTROL,
                                         // AccessReenlightenmentControls
  kTscEmulationStatus = 0x40000108,      // HV_X64_MSR_TSC_EMULATION_STATUS,
                                         // AccessReenlightenmentControls
  kUnhaltedTimerConfig = 0x40000114,     // HV_X64_MSR_STIME_UNHALTED_TIMER_CONFIG,
                                         // AccessSyntheticTimerRegs
  kUnhaltedTimerCount = 0x40000115,      // HV_X64_MSR_STIME_UNHALTED_TIMER_COUNT,
                                         // AccessSyntheticTimerRegs
  kTscInvariantControl = 0x40000118,     // HV_X64_MSR_TSC_INVARIANT_CONTROL,
                                         // AccessTscInvariantControls
};

inline constexpr uint64_t kPageSize = 4096;  // Of guest pages, in bytes

// HV_X64_MSR_GUEST_OS_ID, encoding of proprietary systems (OpenSource clear).
struct GuestOsId {
  uint64_t raw = 0;
  using BuildNumber = Field<0, 16>;
  using ServiceVersion = Field<16, 8>;
  using MinorVersion = Field<24, 8>;
  using MajorVersion = Field<32, 8>;
  using OsId = Field<40, 8>;
  using VendorId = Field<48, 15>;
  using OpenSource = Field<63, 1>;
  // The encoding with OpenSource set:
  using OpenSourceVersion = Field<16, 32>;
  using OpenSourceOsId = Field<48, 8>;
  using OpenSourceType = Field<56, 7>;  // 1 Linux, 2 FreeBSD, 3 Xen, 4 Illumos
};

// HV_X64_MSR_HYPERCALL. Bits 11:2 are preserved.
struct HypercallMsr {
  uint64_t raw = 0;
  using Enable = Field<0, 1>;
  using Locked = Field<1, 1>;
  using Gpn = Field<12, 52>;
};

// The form shared by SIEFP, SIMP, REFERENCE_TSC and VP_ASSIST_PAGE. Bits 11:1 are preserved.
struct OverlayMsr {
  uint64_t raw = 0;
  using Enable = Field<0, 1>;
  using Gpn = Field<12, 52>;
};
using Siefp = OverlayMsr;         // HV_X64_MSR_SIEFP
using Simp = OverlayMsr;          // HV_X64_MSR_SIMP
using ReferenceTsc = OverlayMsr;  // HV_X64_MSR_REFERENCE_TSC
using VpAssist = OverlayMsr;      // HV_X64_MSR_VP_ASSIST_PAGE

// HV_X64_MSR_SCONTROL. Bits 63:1 are preserved.
struct Scontrol {
  uint64_t raw = 0;
  using Enable = Field<0, 1>;
};

inline constexpr uint64_t kSynicVersion = 1;  // HV_X64_MSR_SVERSION

// HV_X64_MSR_SINTx. Bits 15:8 and 63:19 are preserved.
struct Sint {
  static constexpr uint64_t kResetValue = 0x10000;  // Masked
  static constexpr uint64_t kFirstValidVector = 16;

  uint64_t raw = kResetValue;
  using Vector = Field<0, 8>;
  using Masked = Field<16, 1>;
  using AutoEoi = Field<17, 1>;
  using Polling = Field<18, 1>;
};

// HV_X64_MSR_STIMERx_CONFIG. Bits 15:13 and 63:20 must be zero.
struct StimerConfig {
  uint64_t raw = 0;
  using Enable = Field<0, 1>;
  using Periodic = Field<1, 1>;
  using Lazy = Field<2, 1>;
  using AutoEnable = Field<3, 1>;
  using ApicVector = Field<4, 8>;
  using DirectMode = Field<12, 1>;
  using SintIndex = Field<16, 4>;
  static constexpr uint64_t kReservedMask = ~uint64_t{0xF1FFF};
};

// HV_X64_MSR_STIME_UNHALTED_TIMER_CONFIG. Bits 63:9 must be zero; vector 2 means NMI.
struct UnhaltedTimerConfig {
  uint64_t raw = 0;
  using Vector = Field<0, 8>;
  using Enabled = Field<8, 1>;
};

// HV_X64_MSR_CRASH_CTL (HV_CRASH_CTL_REG_CONTENTS).
struct CrashCtl {
  uint64_t raw = 0;
  using PreOsId = Field<58, 3>;
  using NoCrashDump = Field<61, 1>;
  using CrashMessage = Field<62, 1>;  // P3 is the message's address, P4 its length
  using CrashNotify = Field<63, 1>;
};

// HV_X64_MSR_REENLIGHTENMENT_CONTROL. Bits 15:8 and 31:17 must be zero.
struct ReenlightenmentControl {
  uint64_t raw = 0;
  using Vector = Field<0, 8>;
  using Enabled = Field<16, 1>;
  using TargetVp = Field<32, 32>;
};

// HV_X64_MSR_TSC_EMULATION_CONTROL.
struct TscEmulationControl {
  uint64_t raw = 0;
  using Enabled = Field<0, 1>;
};

// HV_X64_MSR_TSC_EMULATION_STATUS.
struct TscEmulationStatus {
  uint64_t raw = 0;
  using InProgress = Field<0, 1>;
};

// HV_X64_MSR_TSC_INVARIANT_CONTROL.
struct TscInvariantControl {
  uint64_t raw = 0;
  using ExposeInvariantTsc = Field<0, 1>;
};

// HV_X64_MSR_NPIEP_CONFIG.
struct NpiepConfig {
  uint64_t raw = 0;
  using PreventSgdt = Field<0, 1>;
  using PreventSidt = Field<1, 1>;
  using PreventSldt = Field<2, 1>;
  using PreventStr = Field<3, 1>;
};

// HV_X64_MSR_SYNDBG_OPTIONS.
struct SyndbgOptions {
  uint64_t raw = 0;
  using UseHypercalls = Field<2, 1>;
};

}  // namespace hvkit::hyperv::tlfs

#endif  // HVKIT_HYPERV_TLFS_MSR_H_
