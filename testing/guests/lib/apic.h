// The local APIC: x2APIC where CPUID has it, xAPIC at its usual address elsewhere. Each function
// works on the calling processor.

#ifndef HVKIT_TESTING_GUESTS_LIB_APIC_H_
#define HVKIT_TESTING_GUESTS_LIB_APIC_H_

#include <cstdint>

namespace hvkit::guest {

inline constexpr uint8_t kSpuriousVector = 0xff;

// Turns the APIC on, in x2APIC mode if possible.
void EnableApic();
[[nodiscard]] uint32_t ApicId();
// Whether an interrupt with this vector waits for its end.
[[nodiscard]] bool IsInService(uint8_t vector);
void EndOfInterrupt();
// A fixed interrupt to the processor with this APIC id.
void SendIpi(uint32_t apic_id, uint8_t vector);
// INIT and start-up IPIs to all other processors; they begin at `page` << 12 in real mode.
void StartOtherCpus(uint8_t page);
// The same for the one processor with this APIC id.
void StartCpu(uint32_t apic_id, uint8_t page);

// Lets the APIC's timer count for as long as its counter lasts, about 4 s at 1 GHz, without an
// interrupt, and tells how far it has come.
void StartApicTimer();
[[nodiscard]] uint64_t ApicTimerTicks();

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_LIB_APIC_H_
