#include "hyperv/enlightenments/enlightenment.h"

#include <array>

namespace hvkit::hyperv {
namespace {

namespace bits = tlfs::bits;
using tlfs::MsrIndex;
using enum Enlightenment;
using enum EnlightenmentKind;
using enum EnlightenmentOrigin;

template <const tlfs::CpuidBit&... kBit>
constexpr std::array<const tlfs::CpuidBit*, sizeof...(kBit)> kBits = {&kBit...};

template <MsrRange... kRange>
constexpr std::array<MsrRange, sizeof...(kRange)> kMsrs = {kRange...};

constexpr MsrRange One(MsrIndex index) { return {index, index}; }

constexpr uint32_t kMaxUint32 = 0xFFFFFFFF;

// Rows in the order of the enum.
constexpr EnlightenmentInfo kTable[] = {
    {.id = kRelaxed,
     .name = "hv_relaxed",
     .summary = "Tells the guest to switch off watchdogs that rely on timely interrupts.",
     .cpuid_bits = kBits<bits::kUseRelaxedTiming>},
    {.id = kVapic,
     .name = "hv_vapic",
     .summary = "The APIC's EOI, ICR and TPR as MSRs, and the VP assist page, with which most EOIs "
                "need no exit.",
     .cpuid_bits = kBits<bits::kAccessApic, bits::kUseApicMsrs>,
     .msrs = kMsrs<MsrRange{MsrIndex::kEoi, MsrIndex::kVpAssistPage}>},
    {.id = kSpinlocks,
     .name = "hv_spinlocks",
     .kind = kNumber,
     .max = kMaxUint32,
     .summary = "The number of attempts at a spinlock after which the guest tells the hypervisor "
                "that it waits; 0xffffffff, the default, means never."},
    {.id = kVpIndex,
     .name = "hv_vpindex",
     .summary =
         "Lets each virtual processor read its own index, by which hypercalls name processors.",
     .cpuid_bits = kBits<bits::kAccessVpIndex>,
     .msrs = kMsrs<One(MsrIndex::kVpIndex)>},
    {.id = kRuntime,
     .name = "hv_runtime",
     .summary =
         "The time that a virtual processor really ran, so that the guest can tell stolen time.",
     .cpuid_bits = kBits<bits::kAccessVpRuntime>,
     .msrs = kMsrs<One(MsrIndex::kVpRuntime)>},
    {.id = kCrash,
     .name = "hv_crash",
     .summary = "Lets the guest report a crash with five parameters and a message.",
     .cpuid_bits = kBits<bits::kGuestCrashMsrs>,
     .msrs = kMsrs<MsrRange{MsrIndex::kCrashP0, MsrIndex::kCrashCtl}>},
    {.id = kTime,
     .name = "hv_time",
     .summary = "The reference time: a counter MSR and a page with which the guest reads it from "
                "the TSC without an exit.",
     .wants = {kFrequencies},
     .cpuid_bits = kBits<bits::kAccessTimeRefCount, bits::kAccessReferenceTsc>,
     .msrs = kMsrs<MsrRange{MsrIndex::kTimeRefCount, MsrIndex::kReferenceTsc}>},
    {.id = kSynic,
     .name = "hv_synic",
     .summary = "The synthetic interrupt controller: messages, event flags and the hypercalls that "
                "send them.",
     .needs = {kVpIndex},
     .cpuid_bits = kBits<bits::kAccessSynic, bits::kPostMessages, bits::kSignalEvents>,
     .msrs = kMsrs<MsrRange{MsrIndex::kScontrol, MsrIndex::kEom},
                   MsrRange{MsrIndex::kSint0, MsrIndex::kSint15}>},
    {.id = kStimer,
     .name = "hv_stimer",
     .summary = "Four synthetic timers for each virtual processor, which expire with a message.",
     .needs = {kVpIndex, kSynic, kTime},
     .cpuid_bits = kBits<bits::kAccessStimer>,
     .msrs = kMsrs<MsrRange{MsrIndex::kStimer0Config, MsrIndex::kStimer3Count}>},
    {.id = kStimerDirect,
     .name = "hv_stimer_direct",
     .summary = "Lets a synthetic timer expire with an ordinary interrupt instead of a message.",
     .needs = {kStimer},
     .cpuid_bits = kBits<bits::kDirectStimer>},
    {.id = kTlbFlush,
     .name = "hv_tlbflush",
     .summary = "Hypercalls that flush the TLBs of other virtual processors, running or not.",
     .needs = {kVpIndex},
     .cpuid_bits = kBits<bits::kUseRemoteFlush, bits::kUseExProcessorMasks>},
    {.id = kTlbFlushExt,
     .name = "hv_tlbflush_ext",
     .summary = "Extended address ranges, which name large pages, in the flush hypercalls.",
     .needs = {kTlbFlush},
     .cpuid_bits = kBits<bits::kExtendedGvaRanges>},
    {.id = kTlbFlushDirect,
     .name = "hv_tlbflush_direct",
     .summary =
         "Nested: flush hypercalls of a nested guest are handled without its own hypervisor.",
     .needs = {kVapic},
     .wants = {kEvmcs},
     .cpuid_bits = kBits<bits::kNestedDirectFlush>},
    {.id = kIpi,
     .name = "hv_ipi",
     .summary = "Hypercalls that send an interrupt to many virtual processors at once.",
     .needs = {kVpIndex},
     .cpuid_bits = kBits<bits::kUseClusterIpi, bits::kUseExProcessorMasks>},
    {.id = kReset,
     .name = "hv_reset",
     .summary = "Lets the guest reset itself by writing an MSR.",
     .cpuid_bits = kBits<bits::kAccessReset>,
     .msrs = kMsrs<One(MsrIndex::kReset)>},
    {.id = kFrequencies,
     .name = "hv_frequencies",
     .summary =
         "The frequencies of the TSC and the APIC timer, so that the guest need not measure them.",
     .cpuid_bits = kBits<bits::kAccessFrequency, bits::kFrequencyMsrs>,
     .msrs = kMsrs<MsrRange{MsrIndex::kTscFrequency, MsrIndex::kApicFrequency}>},
    {.id = kReenlightenment,
     .name = "hv_reenlightenment",
     .summary = "Nested: notice of a changed TSC frequency after migration.",
     .wants = {kFrequencies},
     .cpuid_bits = kBits<bits::kAccessReenlightenment>,
     .msrs = kMsrs<MsrRange{MsrIndex::kReenlightenmentControl, MsrIndex::kTscEmulationStatus}>},
    {.id = kEvmcs,
     .name = "hv_evmcs",
     .summary =
         "Nested, Intel only: the enlightened VMCS, which makes exits of nested guests cheaper.",
     .needs = {kVapic},
     .cpuid_bits = kBits<bits::kUseEvmcs>},
    {.id = kAvic,
     .name = "hv_avic",
     .alias = "hv_apicv",
     .summary = "Asks the guest not to use AutoEOI, so that APICv or AVIC can stay on; hv_vapic "
                "then no longer recommends the APIC MSRs.",
     .cpuid_bits = kBits<bits::kDeprecateAutoEoi>},
    {.id = kNoNonarchCoresharing,
     .name = "hv_no_nonarch_coresharing",
     .kind = kOnOffAuto,
     .turns_on_hyperv = false,
     .summary = "Promises that virtual processors share a physical core only where they are "
                "reported as siblings; auto promises it where the machine does.",
     .cpuid_bits = kBits<bits::kNoNonarchCoresharing>},
    {.id = kSyndbg,
     .name = "hv_syndbg",
     .summary = "The synthetic debugger: a channel for the Windows kernel debugger.",
     .needs = {kSynic, kRelaxed},
     .cpuid_bits = kBits<bits::kGuestDebugging, bits::kDebugMsrs, bits::kDebugging,
                         bits::kAllowKernelDebugging>,
     .msrs = kMsrs<MsrRange{MsrIndex::kSyndbgControl, MsrIndex::kSyndbgPendingBuffer},
                   One(MsrIndex::kSyndbgOptions)>},
    {.id = kEmsrBitmap,
     .name = "hv_emsr_bitmap",
     .summary = "Nested: the enlightened MSR bitmap, which saves rebuilding it at each exit.",
     .wants = {kEvmcs},
     .cpuid_bits = kBits<bits::kNestedMsrBitmap>},
    {.id = kXmmInput,
     .name = "hv_xmm_input",
     .summary = "Hypercall parameters in XMM registers.",
     .cpuid_bits = kBits<bits::kXmmInput>},
    {.id = kTscInvariant,
     .name = "hv_tsc_invariant",
     .origin = kHvkit,
     .summary = "Lets the guest ask for the invariant TSC bit; Linux then prefers the TSC to the "
                "reference TSC page.",
     .cpuid_bits = kBits<bits::kAccessTscInvariant>,
     .msrs = kMsrs<One(MsrIndex::kTscInvariantControl)>},
    {.id = kExtHypercalls,
     .name = "hv_ext_hypercalls",
     .origin = kHvkit,
     .summary = "Extended hypercalls, 0x8001 and up.",
     .cpuid_bits = kBits<bits::kExtendedHypercalls>},
    {.id = kStartVp,
     .name = "hv_start_vp",
     .origin = kHvkit,
     .summary = "Hypercalls that start a virtual processor and find its index from its APIC id.",
     .needs = {kVpIndex},
     .cpuid_bits = kBits<bits::kStartVirtualProcessor>},
    {.id = kVpRegisters,
     .name = "hv_vp_registers",
     .origin = kHvkit,
     .summary = "Hypercalls that read and write a virtual processor's registers.",
     .needs = {kVpIndex},
     .cpuid_bits = kBits<bits::kAccessVpRegisters>},
    {.id = kXmmOutput,
     .name = "hv_xmm_output",
     .origin = kHvkit,
     .summary = "Hypercall results in XMM registers, after those that held the parameters.",
     .needs = {kXmmInput},
     .cpuid_bits = kBits<bits::kXmmOutput>},
    {.id = kSintPolling,
     .name = "hv_sint_polling",
     .origin = kHvkit,
     .summary = "Lets the guest poll a synthetic interrupt source that raises no interrupt.",
     .needs = {kSynic},
     .cpuid_bits = kBits<bits::kSintPolling>},
    {.id = kHypercallLock,
     .name = "hv_hypercall_lock",
     .origin = kHvkit,
     .summary = "Lets the guest lock the hypercall MSR until reset.",
     .cpuid_bits = kBits<bits::kHypercallMsrLock>},
    {.id = kGuestIdle,
     .name = "hv_guest_idle",
     .origin = kHvkit,
     .summary = "Lets a virtual processor sleep until an interrupt arrives, even a masked one.",
     .cpuid_bits = kBits<bits::kAccessGuestIdle, bits::kGuestIdle>,
     .msrs = kMsrs<One(MsrIndex::kGuestIdle)>},
    {.id = kVendorId,
     .name = "hv_vendor_id",
     .kind = kText,
     .turns_on_hyperv = false,
     .max = 12,
     .summary = "The hypervisor's vendor in leaf 0x40000000, by default \"Microsoft Hv\"."},
    {.id = kVersionIdBuild,
     .name = "hv_version_id_build",
     .kind = kNumber,
     .turns_on_hyperv = false,
     .max = kMaxUint32,
     .summary = "The build number in leaf 0x40000002, by default 0x3839."},
    {.id = kVersionIdMajor,
     .name = "hv_version_id_major",
     .kind = kNumber,
     .turns_on_hyperv = false,
     .max = 0xFFFF,
     .summary = "The major version in leaf 0x40000002, by default 10."},
    {.id = kVersionIdMinor,
     .name = "hv_version_id_minor",
     .kind = kNumber,
     .turns_on_hyperv = false,
     .max = 0xFFFF,
     .summary = "The minor version in leaf 0x40000002, by default 0."},
    {.id = kVersionIdSpack,
     .name = "hv_version_id_spack",
     .kind = kNumber,
     .turns_on_hyperv = false,
     .max = kMaxUint32,
     .summary = "The service pack in leaf 0x40000002, by default 0."},
    {.id = kVersionIdSbranch,
     .name = "hv_version_id_sbranch",
     .kind = kNumber,
     .turns_on_hyperv = false,
     .max = 0xFF,
     .summary = "The service branch in leaf 0x40000002, by default 0."},
    {.id = kVersionIdSnumber,
     .name = "hv_version_id_snumber",
     .kind = kNumber,
     .turns_on_hyperv = false,
     .max = 0xFFFFFF,
     .summary = "The service number in leaf 0x40000002, by default 0."},
    {.id = kPassthrough,
     .name = "hv_passthrough",
     .summary = "Takes every enlightenment of QEMU's that can be had here, save hv_syndbg and what "
                "is named off; where KVM has Hyper-V of its own, only what it has there."},
    {.id = kEnforceCpuid,
     .name = "hv_enforce_cpuid",
     .turns_on_hyperv = false,
     .summary = "Lets the guest use only what its CPUID announces; on unless named off."},
};

constexpr bool RowsFollowEnum() {
  for (size_t i = 0; i < std::size(kTable); ++i) {
    if (Index(kTable[i].id) != i) return false;
  }
  return std::size(kTable) == kEnlightenmentCount;
}
static_assert(RowsFollowEnum());

constexpr char Underscored(char c) { return c == '-' ? '_' : c; }

bool SameName(absl::string_view a, absl::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (Underscored(a[i]) != Underscored(b[i])) return false;
  }
  return true;
}

}  // namespace

std::span<const EnlightenmentInfo> AllEnlightenments() { return kTable; }

const EnlightenmentInfo& Info(Enlightenment e) { return kTable[Index(e)]; }

absl::string_view Name(Enlightenment e) { return Info(e).name; }

std::optional<Enlightenment> FindEnlightenment(absl::string_view name) {
  for (const EnlightenmentInfo& info : kTable) {
    if (SameName(name, info.name) || (!info.alias.empty() && SameName(name, info.alias))) {
      return info.id;
    }
  }
  return std::nullopt;
}

EnlightenmentMask AllNeeds(Enlightenment e) {
  EnlightenmentMask all = Info(e).needs;
  for (const EnlightenmentInfo& info : kTable) {
    if (Info(e).needs.Has(info.id)) all = all | AllNeeds(info.id);
  }
  return all;
}

}  // namespace hvkit::hyperv
