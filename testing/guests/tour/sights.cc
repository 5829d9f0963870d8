#include "testing/guests/tour/sights.h"

#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/layout.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"
#include "testing/guests/tour/clock.h"

namespace hvkit::guest {
namespace {

namespace bits = tlfs::bits;

constinit unsigned g_processors = 1;
constinit uint64_t g_vp_indices[MAX_CPUS] = {};

template <const tlfs::CpuidBit& kBit>
bool Has() {
  return CpuidHas(kBit);
}

bool Always() { return true; }

bool HasSpinlocks() {
  return Cpuid(tlfs::CpuidLeaf::kRecommendations).ebx != tlfs::kSpinlocksNever;
}

// Where the maximum is lower, processors answer with another leaf.
template <const tlfs::CpuidBit& kBit>
bool HasNested() {
  return Cpuid(tlfs::CpuidLeaf::kVendorAndMax).eax >=
             static_cast<uint32_t>(tlfs::CpuidLeaf::kNestedFeatures) &&
         CpuidHas(kBit);
}

constexpr Sight kSights[] = {
    {"hv_relaxed", Has<bits::kUseRelaxedTiming>, VisitRelaxed},
    {"hv_vapic", Has<bits::kAccessApic>, VisitApic},
    {"hv_spinlocks", HasSpinlocks, VisitSpinlocks},
    {"hv_vpindex", Has<bits::kAccessVpIndex>, VisitVpIndex},
    {"hv_runtime", Has<bits::kAccessVpRuntime>, VisitRuntime},
    {"hv_crash", Has<bits::kGuestCrashMsrs>, VisitCrash},
    {"hv_time", Has<bits::kAccessTimeRefCount>, VisitTime},
    {"hv_synic", Has<bits::kAccessSynic>, VisitSynic},
    {"hv_stimer", Has<bits::kAccessStimer>, VisitTimer},
    {"hv_stimer_direct", Has<bits::kDirectStimer>, VisitDirectTimer},
    {"hv_tlbflush", Has<bits::kUseRemoteFlush>, VisitFlush},
    {"hv_tlbflush_ext", Has<bits::kExtendedGvaRanges>, VisitFlushRanges},
    {"hv_tlbflush_direct", HasNested<bits::kNestedDirectFlush>, VisitDirectFlush},
    {"hv_ipi", Has<bits::kUseClusterIpi>, VisitIpi},
    {"hv_reset", Has<bits::kAccessReset>, VisitReset},
    {"hv_frequencies", Has<bits::kAccessFrequency>, VisitFrequencies},
    {"hv_reenlightenment", Has<bits::kAccessReenlightenment>, VisitReenlightenment},
    {"hv_evmcs", Has<bits::kUseEvmcs>, VisitEvmcs},
    {"hv_avic", Has<bits::kDeprecateAutoEoi>, VisitAvic},
    {"hv_no_nonarch_coresharing", Has<bits::kNoNonarchCoresharing>, VisitCoresharing},
    {"hv_syndbg", Has<bits::kDebugMsrs>, VisitSyndbg},
    {"hv_emsr_bitmap", HasNested<bits::kNestedMsrBitmap>, VisitMsrBitmap},
    {"hv_xmm_input", Has<bits::kXmmInput>, VisitXmmInput},
    {"hv_tsc_invariant", Has<bits::kAccessTscInvariant>, VisitTscInvariant},
    {"hv_ext_hypercalls", Has<bits::kExtendedHypercalls>, VisitExtendedCalls},
    {"hv_start_vp", Has<bits::kStartVirtualProcessor>, VisitStartVp},
    {"hv_vp_registers", Has<bits::kAccessVpRegisters>, VisitVpRegisters},
    {"hv_xmm_output", Has<bits::kXmmOutput>, VisitXmmOutput},
    {"hv_sint_polling", Has<bits::kSintPolling>, VisitSintPolling},
    {"hv_hypercall_lock", Has<bits::kHypercallMsrLock>, VisitHypercallLock},
    {"hv_guest_idle", Has<bits::kAccessGuestIdle>, VisitGuestIdle},
    {"hv_vendor_id", Always, VisitVendor},
    {"hv_version_id_build", Always, VisitVersion<0>},
    {"hv_version_id_major", Always, VisitVersion<1>},
    {"hv_version_id_minor", Always, VisitVersion<2>},
    {"hv_version_id_spack", Always, VisitVersion<3>},
    {"hv_version_id_sbranch", Always, VisitVersion<4>},
    {"hv_version_id_snumber", Always, VisitVersion<5>},
    {"hv_enforce_cpuid", Always, VisitEnforcement},
};

void ReadVpIndex(void* index) {
  *static_cast<uint64_t*>(index) = ReadMsr(tlfs::MsrIndex::kVpIndex).value;
}

}  // namespace

std::span<const Sight> AllSights() { return kSights; }

void PrepareTour(unsigned processors) {
  g_processors = processors;
  for (unsigned cpu = 0; cpu < processors; ++cpu) g_vp_indices[cpu] = cpu;
  if (CpuidHas(bits::kAccessVpIndex)) {
    ReadVpIndex(&g_vp_indices[0]);
    for (unsigned cpu = 1; cpu < processors; ++cpu) RunOn(cpu, ReadVpIndex, &g_vp_indices[cpu]);
  }
  LearnTscFrequency();
  PrepareInterrupts();
  PrepareTimers();
}

unsigned Processors() { return g_processors; }
unsigned LastProcessor() { return g_processors - 1; }
uint64_t VpIndexOf(unsigned cpu) { return g_vp_indices[cpu]; }

void EndTour() {
  constexpr uint16_t kKeyboardController = 0x64;
  constexpr uint8_t kPulseReset = 0xfe;
  if (CpuidHas(bits::kAccessReset)) (void)WriteMsr(tlfs::MsrIndex::kReset, 1);
  Out8(kKeyboardController, kPulseReset);
  Stop();
}

}  // namespace hvkit::guest
