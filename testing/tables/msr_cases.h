// What a guest finds when it reads and writes each synthetic MSR: the table that unit tests run
// against the model, and guests on a machine.
//
// Written from the TLFS's register tables, not from hyperv/msr: tests hold the two against each
// other. No write enables anything, ends anything or needs an interrupt handler, so the cases can
// be run in any order on a VP that has just been reset. Needs no hosted library. Immutable.
#ifndef HVKIT_TESTING_TABLES_MSR_CASES_H_
#define HVKIT_TESTING_TABLES_MSR_CASES_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/msr.h"
#include "testing/tables/msr_probe.h"

namespace hvkit::testing {

// Without the privilege `gate` every access faults, unless the answers are kNotOurs.
struct MsrCase {
  const char* name;  // The TLFS's without HV_X64_MSR_, with x for the instance
  hyperv::tlfs::MsrIndex first;
  uint8_t instances;
  uint8_t stride;  // From one instance's index to the next
  const hyperv::tlfs::CpuidBit* gate;
  std::array<MsrProbe, 4> probes;  // To be run in this order

  constexpr uint32_t IndexOf(unsigned instance) const {
    return static_cast<uint32_t>(first) + instance * stride;
  }
};

namespace internal {

using hyperv::tlfs::MsrIndex;
namespace bits = hyperv::tlfs::bits;

inline constexpr uint64_t kPage = 0x7000;                  // Of RAM
inline constexpr uint64_t kPageReserved = kPage | 0xFFE;   // Enable is clear
inline constexpr uint64_t kInitDeassert = 0x8500;          // An ICR command that does nothing
inline constexpr uint64_t kCrashAbilities = Ones(62, 63);  // CrashNotify and CrashMessage
inline constexpr uint64_t kMaskedVector = 0x10030;         // Of a SINT

// clang-format off
inline constexpr std::array kMsrCases = {
    MsrCase{"GUEST_OS_ID", MsrIndex::kGuestOsId, 1, 1, &bits::kAccessHypercall,
            {Read(0), Write(0x8100'0006'0100'0000)}},
    MsrCase{"HYPERCALL", MsrIndex::kHypercall, 1, 1, &bits::kAccessHypercall,
            {Read(0), Write(kPage), ReservedKept(kPage | 0xFFC)}},
    MsrCase{"VP_INDEX", MsrIndex::kVpIndex, 1, 1, &bits::kAccessVpIndex,
            {ReadHostValue(), WriteFaults(0)}},
    MsrCase{"RESET", MsrIndex::kReset, 1, 1, &bits::kAccessReset,
            {Read(0), WriteReads(0, 0), ReservedDropped(2, 0)}},
    MsrCase{"VP_RUNTIME", MsrIndex::kVpRuntime, 1, 1, &bits::kAccessVpRuntime,
            {ReadHostValue(), WriteFaults(0)}},
    MsrCase{"TIME_REF_COUNT", MsrIndex::kTimeRefCount, 1, 1, &bits::kAccessTimeRefCount,
            {ReadHostValue(), WriteFaults(0)}},
    MsrCase{"REFERENCE_TSC", MsrIndex::kReferenceTsc, 1, 1, &bits::kAccessReferenceTsc,
            {Read(0), Write(kPage), ReservedKept(kPageReserved)}},
    MsrCase{"TSC_FREQUENCY", MsrIndex::kTscFrequency, 1, 1, &bits::kAccessFrequency,
            {ReadHostValue(), WriteFaults(0)}},
    MsrCase{"APIC_FREQUENCY", MsrIndex::kApicFrequency, 1, 1, &bits::kAccessFrequency,
            {ReadHostValue(), WriteFaults(0)}},
    MsrCase{"NPIEP_CONFIG", MsrIndex::kNpiepConfig, 1, 1, &bits::kNpiep,
            {ReadNotOurs(), WriteNotOurs(0)}},
    MsrCase{"EOI", MsrIndex::kEoi, 1, 1, &bits::kAccessApic,
            {ReadFaults(), WriteCompletes(0), ReservedFaults(Ones(32, 63))}},
    MsrCase{"ICR", MsrIndex::kIcr, 1, 1, &bits::kAccessApic,
            {ReadHostValue(), Write(kInitDeassert)}},
    MsrCase{"TPR", MsrIndex::kTpr, 1, 1, &bits::kAccessApic,
            {ReadHostValue(), Write(0x20), ReservedFaults(Ones(32, 63)),
             ReservedDropped(Ones(8, 31), 0)}},
    MsrCase{"VP_ASSIST_PAGE", MsrIndex::kVpAssistPage, 1, 1, &bits::kAccessApic,
            {Read(0), Write(kPage), ReservedKept(kPageReserved)}},
    MsrCase{"SCONTROL", MsrIndex::kScontrol, 1, 1, &bits::kAccessSynic,
            {Read(1), Write(0), ReservedKept(Ones(1, 63))}},
    MsrCase{"SVERSION", MsrIndex::kSversion, 1, 1, &bits::kAccessSynic,
            {Read(1), WriteFaults(1)}},
    MsrCase{"SIEFP", MsrIndex::kSiefp, 1, 1, &bits::kAccessSynic,
            {Read(0), Write(kPage), ReservedKept(kPageReserved)}},
    MsrCase{"SIMP", MsrIndex::kSimp, 1, 1, &bits::kAccessSynic,
            {Read(0), Write(kPage), ReservedKept(kPageReserved)}},
    MsrCase{"EOM", MsrIndex::kEom, 1, 1, &bits::kAccessSynic,
            {Read(0), WriteReads(0, 0), ReservedDropped(Ones(0, 63), 0)}},
    // An unmasked SINT needs a vector of at least 16.
    MsrCase{"SINTx", MsrIndex::kSint0, 16, 1, &bits::kAccessSynic,
            {Read(0x10000), Write(kMaskedVector), WriteFaults(0xF),
             ReservedKept(kMaskedVector | Ones(8, 15) | Ones(19, 63))}},
    MsrCase{"STIMERx_CONFIG", MsrIndex::kStimer0Config, 4, 2, &bits::kAccessStimer,
            {Read(0), Write(0x20000), ReservedFaults(Ones(13, 15)).KvmDiffers(),
             ReservedFaults(Ones(20, 63)).KvmDiffers()}},
    MsrCase{"STIMERx_COUNT", MsrIndex::kStimer0Count, 4, 2, &bits::kAccessStimer,
            {Read(0), Write(Ones(0, 63))}},
    MsrCase{"GUEST_IDLE", MsrIndex::kGuestIdle, 1, 1, &bits::kAccessGuestIdle,
            {Read(0), WriteFaults(0)}},
    MsrCase{"SYNDBG_CONTROL", MsrIndex::kSyndbgControl, 1, 1, &bits::kDebugMsrs,
            {Read(0), Write(0)}},
    MsrCase{"SYNDBG_STATUS", MsrIndex::kSyndbgStatus, 1, 1, &bits::kDebugMsrs,
            {Read(0), Write(2)}},
    MsrCase{"SYNDBG_SEND_BUFFER", MsrIndex::kSyndbgSendBuffer, 1, 1, &bits::kDebugMsrs,
            {Read(0), Write(kPage)}},
    MsrCase{"SYNDBG_RECV_BUFFER", MsrIndex::kSyndbgReceiveBuffer, 1, 1, &bits::kDebugMsrs,
            {Read(0), Write(kPage)}},
    MsrCase{"SYNDBG_PENDING_BUFFER", MsrIndex::kSyndbgPendingBuffer, 1, 1, &bits::kDebugMsrs,
            {Read(0), Write(0)}},
    MsrCase{"SYNDBG_OPTIONS", MsrIndex::kSyndbgOptions, 1, 1, &bits::kDebugMsrs,
            {Read(0), Write(4)}},
    MsrCase{"CRASH_Px", MsrIndex::kCrashP0, 5, 1, &bits::kGuestCrashMsrs,
            {Read(0), Write(Ones(0, 63))}},
    MsrCase{"CRASH_CTL", MsrIndex::kCrashCtl, 1, 1, &bits::kGuestCrashMsrs,
            {Read(kCrashAbilities).KvmDiffers(), WriteReads(0, kCrashAbilities).KvmDiffers(),
             ReservedDropped(Ones(0, 57), kCrashAbilities).KvmDiffers()}},
    MsrCase{"REENLIGHTENMENT_CONTROL", MsrIndex::kReenlightenmentControl, 1, 1,
            &bits::kAccessReenlightenment,
            {Read(0), Write(0x10030), ReservedFaults(Ones(8, 15)).KvmDiffers(),
             ReservedFaults(Ones(17, 31)).KvmDiffers()}},
    MsrCase{"TSC_EMULATION_CONTROL", MsrIndex::kTscEmulationControl, 1, 1,
            &bits::kAccessReenlightenment,
            {Read(0), Write(1), ReservedFaults(Ones(1, 63)).KvmDiffers()}},
    MsrCase{"TSC_EMULATION_STATUS", MsrIndex::kTscEmulationStatus, 1, 1,
            &bits::kAccessReenlightenment,
            {Read(0), WriteReads(0, 0), ReservedFaults(1)}},
    MsrCase{"STIME_UNHALTED_TIMER_CONFIG", MsrIndex::kUnhaltedTimerConfig, 1, 1,
            &bits::kUnhaltedTimer, {ReadNotOurs(), WriteNotOurs(0)}},
    MsrCase{"STIME_UNHALTED_TIMER_COUNT", MsrIndex::kUnhaltedTimerCount, 1, 1,
            &bits::kUnhaltedTimer, {ReadNotOurs(), WriteNotOurs(0)}},
    // Once set the bit stays.
    MsrCase{"TSC_INVARIANT_CONTROL", MsrIndex::kTscInvariantControl, 1, 1,
            &bits::kAccessTscInvariant,
            {Read(0), Write(1), WriteFaults(0), ReservedFaults(Ones(1, 63))}},
};
// clang-format on

}  // namespace internal

inline constexpr auto& kMsrCases = internal::kMsrCases;

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_TABLES_MSR_CASES_H_
