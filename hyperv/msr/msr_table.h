// The MSR table: every synthetic MSR that a guest partition can have, and the way from an index to
// its row.
//
// Sources: TLFS hypercall-interface.md, vp-properties.md, timers.md, virtual-interrupts.md,
// inter-partition-communication.md, partition-properties.md and nested-virtualization.md. Where the
// TLFS has nothing (debugger, reset, invariant TSC) or KVM's guests rely on other values, Linux's
// arch/x86/kvm/hyperv.c; such rows say so. No behaviour here. Immutable.
#ifndef HVKIT_HYPERV_MSR_MSR_TABLE_H_
#define HVKIT_HYPERV_MSR_MSR_TABLE_H_

#include <array>
#include <cstdint>
#include <optional>

#include "hyperv/msr/msr_row.h"
#include "hyperv/overlay/overlay_kind.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/msr.h"

namespace hvkit::hyperv {
namespace internal {

namespace bits = tlfs::bits;
using tlfs::MsrIndex;
using enum MsrAccess;

// Bits `low` to `high` of a register, both included.
constexpr uint64_t Bits(unsigned low, unsigned high) {
  return (~uint64_t{0} >> (63 - high)) & (~uint64_t{0} << low);
}

inline constexpr uint64_t kEveryBit = Bits(0, 63);
// The form of all page registers.
inline constexpr MsrReservedBits kPageRegister = {.preserved = Bits(1, 11)};

constexpr MsrRow Syndbg(MsrId id, MsrIndex index, const char* name) {
  return {.id = id,
          .first = index,
          .name = name,
          .gate = &bits::kDebugMsrs,
          .owner = MsrOwner::kSyndbg};
}

// clang-format off
inline constexpr std::array kMsrRows = {
    MsrRow{.id = MsrId::kGuestOsId, .first = MsrIndex::kGuestOsId,
           .name = "HV_X64_MSR_GUEST_OS_ID", .gate = &bits::kAccessHypercall,
           .owner = MsrOwner::kPartition},
    MsrRow{.id = MsrId::kHypercall, .first = MsrIndex::kHypercall,
           .name = "HV_X64_MSR_HYPERCALL", .gate = &bits::kAccessHypercall,
           .owner = MsrOwner::kPartition, .reserved = {.preserved = Bits(2, 11)},
           .gated = {.gate = &bits::kHypercallMsrLock,
                     .without = {.preserved = tlfs::HypercallMsr::Locked::kMask}},
           .overlay = OverlayKind::kHypercall},
    MsrRow{.id = MsrId::kVpIndex, .first = MsrIndex::kVpIndex,
           .name = "HV_X64_MSR_VP_INDEX", .gate = &bits::kAccessVpIndex, .access = kRead,
           .owner = MsrOwner::kVp, .scope = MsrScope::kVp, .reset = std::nullopt},
    MsrRow{.id = MsrId::kReset, .first = MsrIndex::kReset,
           .name = "HV_X64_MSR_RESET", .gate = &bits::kAccessReset,
           .owner = MsrOwner::kPartition, .reserved = {.ignored = Bits(1, 63)}},
    MsrRow{.id = MsrId::kVpRuntime, .first = MsrIndex::kVpRuntime,
           .name = "HV_X64_MSR_VP_RUNTIME", .gate = &bits::kAccessVpRuntime, .access = kRead,
           .owner = MsrOwner::kVp, .scope = MsrScope::kVp, .reset = std::nullopt},
    MsrRow{.id = MsrId::kTimeRefCount, .first = MsrIndex::kTimeRefCount,
           .name = "HV_X64_MSR_TIME_REF_COUNT", .gate = &bits::kAccessTimeRefCount,
           .access = kRead, .owner = MsrOwner::kTime, .reset = std::nullopt},
    MsrRow{.id = MsrId::kReferenceTsc, .first = MsrIndex::kReferenceTsc,
           .name = "HV_X64_MSR_REFERENCE_TSC", .gate = &bits::kAccessReferenceTsc,
           .owner = MsrOwner::kTime, .reserved = kPageRegister,
           .overlay = OverlayKind::kReferenceTsc},
    MsrRow{.id = MsrId::kTscFrequency, .first = MsrIndex::kTscFrequency,
           .name = "HV_X64_MSR_TSC_FREQUENCY", .gate = &bits::kAccessFrequency, .access = kRead,
           .owner = MsrOwner::kTime, .reset = std::nullopt},
    MsrRow{.id = MsrId::kApicFrequency, .first = MsrIndex::kApicFrequency,
           .name = "HV_X64_MSR_APIC_FREQUENCY", .gate = &bits::kAccessFrequency, .access = kRead,
           .owner = MsrOwner::kTime, .reset = std::nullopt},
    // The descriptor table instructions cannot be intercepted through KVM.
    MsrRow{.id = MsrId::kNpiepConfig, .first = MsrIndex::kNpiepConfig,
           .name = "HV_X64_MSR_NPIEP_CONFIG", .gate = &bits::kNpiep,
           .owner = MsrOwner::kNobody, .scope = MsrScope::kVp},
    MsrRow{.id = MsrId::kEoi, .first = MsrIndex::kEoi,
           .name = "HV_X64_MSR_EOI", .gate = &bits::kAccessApic, .access = kWrite,
           .owner = MsrOwner::kApic, .scope = MsrScope::kVp, .reset = std::nullopt,
           .reserved = {.faulting = Bits(32, 63)}},
    MsrRow{.id = MsrId::kIcr, .first = MsrIndex::kIcr,
           .name = "HV_X64_MSR_ICR", .gate = &bits::kAccessApic,
           .owner = MsrOwner::kApic, .scope = MsrScope::kVp, .reset = std::nullopt},
    // TLFS: bits 63:8 "should be zero"; KVM faults on the upper half and drops the rest.
    MsrRow{.id = MsrId::kTpr, .first = MsrIndex::kTpr,
           .name = "HV_X64_MSR_TPR", .gate = &bits::kAccessApic,
           .owner = MsrOwner::kApic, .scope = MsrScope::kVp, .reset = std::nullopt,
           .reserved = {.faulting = Bits(32, 63), .ignored = Bits(8, 31)}},
    MsrRow{.id = MsrId::kVpAssistPage, .first = MsrIndex::kVpAssistPage,
           .name = "HV_X64_MSR_VP_ASSIST_PAGE", .gate = &bits::kAccessApic,
           .owner = MsrOwner::kVpAssist, .scope = MsrScope::kVp, .reserved = kPageRegister,
           .overlay = OverlayKind::kVpAssist},
    // TLFS: 0 at reset. KVM and its peers show 1; the SynIC's policy can say 0.
    MsrRow{.id = MsrId::kScontrol, .first = MsrIndex::kScontrol,
           .name = "HV_X64_MSR_SCONTROL", .gate = &bits::kAccessSynic,
           .owner = MsrOwner::kSynic, .scope = MsrScope::kVp,
           .reset = tlfs::Scontrol::Enable::kMask, .reserved = {.preserved = Bits(1, 63)}},
    MsrRow{.id = MsrId::kSversion, .first = MsrIndex::kSversion,
           .name = "HV_X64_MSR_SVERSION", .gate = &bits::kAccessSynic, .access = kRead,
           .owner = MsrOwner::kSynic, .scope = MsrScope::kVp, .reset = tlfs::kSynicVersion},
    MsrRow{.id = MsrId::kSiefp, .first = MsrIndex::kSiefp,
           .name = "HV_X64_MSR_SIEFP", .gate = &bits::kAccessSynic,
           .owner = MsrOwner::kSynic, .scope = MsrScope::kVp, .reserved = kPageRegister,
           .overlay = OverlayKind::kSiefp},
    MsrRow{.id = MsrId::kSimp, .first = MsrIndex::kSimp,
           .name = "HV_X64_MSR_SIMP", .gate = &bits::kAccessSynic,
           .owner = MsrOwner::kSynic, .scope = MsrScope::kVp, .reserved = kPageRegister,
           .overlay = OverlayKind::kSimp},
    MsrRow{.id = MsrId::kEom, .first = MsrIndex::kEom,
           .name = "HV_X64_MSR_EOM", .gate = &bits::kAccessSynic,
           .owner = MsrOwner::kSynic, .scope = MsrScope::kVp,
           .reserved = {.ignored = kEveryBit}},
    MsrRow{.id = MsrId::kSint, .first = MsrIndex::kSint0, .instances = 16,
           .name = "HV_X64_MSR_SINTx", .gate = &bits::kAccessSynic,
           .owner = MsrOwner::kSynic, .scope = MsrScope::kVp, .reset = tlfs::Sint::kResetValue,
           .reserved = {.preserved = Bits(8, 15) | Bits(19, 63)},
           .gated = {.gate = &bits::kSintPolling,
                     .without = {.preserved = tlfs::Sint::Polling::kMask}}},
    // KVM stores the reserved bits.
    MsrRow{.id = MsrId::kStimerConfig, .first = MsrIndex::kStimer0Config, .instances = 4,
           .stride = 2, .name = "HV_X64_MSR_STIMERx_CONFIG", .gate = &bits::kAccessStimer,
           .owner = MsrOwner::kStimer, .scope = MsrScope::kVp,
           .reserved = {.faulting = tlfs::StimerConfig::kReservedMask},
           .gated = {.gate = &bits::kDirectStimer,
                     .without = {.faulting = tlfs::StimerConfig::DirectMode::kMask}}},
    MsrRow{.id = MsrId::kStimerCount, .first = MsrIndex::kStimer0Count, .instances = 4,
           .stride = 2, .name = "HV_X64_MSR_STIMERx_COUNT", .gate = &bits::kAccessStimer,
           .owner = MsrOwner::kStimer, .scope = MsrScope::kVp},
    MsrRow{.id = MsrId::kGuestIdle, .first = MsrIndex::kGuestIdle,
           .name = "HV_X64_MSR_GUEST_IDLE", .gate = &bits::kAccessGuestIdle, .access = kRead,
           .owner = MsrOwner::kVp, .scope = MsrScope::kVp},
    Syndbg(MsrId::kSyndbgControl, MsrIndex::kSyndbgControl, "HV_X64_MSR_SYNDBG_CONTROL"),
    Syndbg(MsrId::kSyndbgStatus, MsrIndex::kSyndbgStatus, "HV_X64_MSR_SYNDBG_STATUS"),
    Syndbg(MsrId::kSyndbgSendBuffer, MsrIndex::kSyndbgSendBuffer,
           "HV_X64_MSR_SYNDBG_SEND_BUFFER"),
    Syndbg(MsrId::kSyndbgReceiveBuffer, MsrIndex::kSyndbgReceiveBuffer,
           "HV_X64_MSR_SYNDBG_RECV_BUFFER"),
    Syndbg(MsrId::kSyndbgPendingBuffer, MsrIndex::kSyndbgPendingBuffer,
           "HV_X64_MSR_SYNDBG_PENDING_BUFFER"),
    Syndbg(MsrId::kSyndbgOptions, MsrIndex::kSyndbgOptions, "HV_X64_MSR_SYNDBG_OPTIONS"),
    MsrRow{.id = MsrId::kCrashParameter, .first = MsrIndex::kCrashP0, .instances = 5,
           .name = "HV_X64_MSR_CRASH_Px", .gate = &bits::kGuestCrashMsrs,
           .owner = MsrOwner::kCrash},
    // Reads give what the hypervisor can do; KVM leaves out CrashMessage.
    MsrRow{.id = MsrId::kCrashControl, .first = MsrIndex::kCrashCtl,
           .name = "HV_X64_MSR_CRASH_CTL", .gate = &bits::kGuestCrashMsrs,
           .owner = MsrOwner::kCrash,
           .reset = tlfs::CrashCtl::CrashNotify::kMask | tlfs::CrashCtl::CrashMessage::kMask,
           .reserved = {.ignored = Bits(0, 57)}},
    // KVM stores the reserved bits of this one and the next.
    MsrRow{.id = MsrId::kReenlightenmentControl, .first = MsrIndex::kReenlightenmentControl,
           .name = "HV_X64_MSR_REENLIGHTENMENT_CONTROL", .gate = &bits::kAccessReenlightenment,
           .owner = MsrOwner::kPartition,
           .reserved = {.faulting = Bits(8, 15) | Bits(17, 31)}},
    MsrRow{.id = MsrId::kTscEmulationControl, .first = MsrIndex::kTscEmulationControl,
           .name = "HV_X64_MSR_TSC_EMULATION_CONTROL", .gate = &bits::kAccessReenlightenment,
           .owner = MsrOwner::kPartition, .reserved = {.faulting = Bits(1, 63)}},
    // A guest only ever ends the emulation; as KVM, any other write faults.
    MsrRow{.id = MsrId::kTscEmulationStatus, .first = MsrIndex::kTscEmulationStatus,
           .name = "HV_X64_MSR_TSC_EMULATION_STATUS", .gate = &bits::kAccessReenlightenment,
           .owner = MsrOwner::kPartition, .reserved = {.faulting = kEveryBit}},
    // KVM does not tell when a virtual processor is halted.
    MsrRow{.id = MsrId::kUnhaltedTimerConfig, .first = MsrIndex::kUnhaltedTimerConfig,
           .name = "HV_X64_MSR_STIME_UNHALTED_TIMER_CONFIG", .gate = &bits::kUnhaltedTimer,
           .owner = MsrOwner::kNobody, .scope = MsrScope::kVp},
    MsrRow{.id = MsrId::kUnhaltedTimerCount, .first = MsrIndex::kUnhaltedTimerCount,
           .name = "HV_X64_MSR_STIME_UNHALTED_TIMER_COUNT", .gate = &bits::kUnhaltedTimer,
           .owner = MsrOwner::kNobody, .scope = MsrScope::kVp},
    MsrRow{.id = MsrId::kTscInvariantControl, .first = MsrIndex::kTscInvariantControl,
           .name = "HV_X64_MSR_TSC_INVARIANT_CONTROL", .gate = &bits::kAccessTscInvariant,
           .owner = MsrOwner::kPartition, .reserved = {.faulting = Bits(1, 63)}},
};
// clang-format on

}  // namespace internal

// Every row, in the order of MsrId.
constexpr const auto& MsrTable() { return internal::kMsrRows; }
constexpr const MsrRow& RowOf(MsrId id) { return internal::kMsrRows[Index(id)]; }

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_MSR_MSR_TABLE_H_
