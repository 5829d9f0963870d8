// What the tour visits: one function for each enlightenment, called where CPUID has it, on the
// first processor with interrupts off.
#ifndef HVKIT_TESTING_GUESTS_TOUR_SIGHTS_H_
#define HVKIT_TESTING_GUESTS_TOUR_SIGHTS_H_

#include <cstdint>
#include <span>

#include "testing/guests/lib/hyperv.h"
#include "testing/guests/tour/visit.h"

namespace hvkit::guest {

struct Sight {
  const char* name;
  bool (*in_force)();  // as CPUID tells it
  void (*visit)(Visit&);
};

// In the order of `vmm --list-enlightenments`; the first ones prepare what later ones use.
[[nodiscard]] std::span<const Sight> AllSights();

// What all of them share. Once, after StartCpus.
void PrepareTour(unsigned processors);
[[nodiscard]] unsigned Processors();
[[nodiscard]] unsigned LastProcessor();
// The VP index of a processor, where there is one; else its number.
[[nodiscard]] uint64_t VpIndexOf(unsigned cpu);

// The end of the tour: by the reset register where there is one, by the keyboard controller
// elsewhere.
[[noreturn]] void EndTour();

// sights_identity.cc
void VisitVendor(Visit& visit);
template <unsigned kField>
void VisitVersion(Visit& visit);
void VisitEnforcement(Visit& visit);
void VisitRelaxed(Visit& visit);
void VisitCoresharing(Visit& visit);
void VisitCrash(Visit& visit);
void VisitReset(Visit& visit);
void VisitSyndbg(Visit& visit);
void VisitEvmcs(Visit& visit);
void VisitMsrBitmap(Visit& visit);
void VisitDirectFlush(Visit& visit);

// sights_time.cc
void VisitTime(Visit& visit);
void VisitFrequencies(Visit& visit);
void VisitTscInvariant(Visit& visit);
void VisitReenlightenment(Visit& visit);
void VisitRuntime(Visit& visit);
void VisitVpIndex(Visit& visit);

// sights_interrupts.cc
void PrepareInterrupts();
void VisitApic(Visit& visit);
void VisitAvic(Visit& visit);
void VisitSynic(Visit& visit);
void VisitSintPolling(Visit& visit);
void VisitGuestIdle(Visit& visit);
void VisitIpi(Visit& visit);

// sights_timers.cc
void PrepareTimers();
void VisitTimer(Visit& visit);
void VisitDirectTimer(Visit& visit);

// sights_calls.cc
void VisitFlush(Visit& visit);
void VisitFlushRanges(Visit& visit);
void VisitSpinlocks(Visit& visit);
void VisitXmmInput(Visit& visit);
void VisitXmmOutput(Visit& visit);
void VisitExtendedCalls(Visit& visit);
void VisitStartVp(Visit& visit);
void VisitVpRegisters(Visit& visit);
void VisitHypercallLock(Visit& visit);

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_TOUR_SIGHTS_H_
