// The guest's side of the SynIC and of the synthetic timers, on the calling processor. `cpu` is its
// number (lib/smp.h), for which it has a message page and an event flag page of its own.

#ifndef HVKIT_TESTING_GUESTS_LIB_SYNIC_H_
#define HVKIT_TESTING_GUESTS_LIB_SYNIC_H_

#include <cstdint>

#include "hyperv/tlfs/synic.h"
#include "hyperv/tlfs/timer.h"
#include "testing/guests/lib/hyperv.h"

namespace hvkit::guest {

// Turns on the SynIC and both pages. False if the MSRs do not take it.
[[nodiscard]] bool EnableSynic(unsigned cpu);
// Turns the message page alone on or off.
void SetMessagePage(unsigned cpu, bool on);
void SetSint(unsigned sint, tlfs::Sint value);
// Unmasked, without AutoEOI.
[[nodiscard]] tlfs::Sint SintWithVector(uint8_t vector);
void WriteEom();

[[nodiscard]] volatile tlfs::MessageHeader& SlotHeader(unsigned cpu, unsigned sint);
[[nodiscard]] bool SlotIsFree(unsigned cpu, unsigned sint);
// Frees the slot by the protocol of the TLFS: EOM where the hypervisor asks for it.
void FreeSlot(unsigned cpu, unsigned sint);

[[nodiscard]] bool HasEventFlag(unsigned cpu, unsigned sint, unsigned flag);
// Clears it; whether it was set.
[[nodiscard]] bool TakeEventFlag(unsigned cpu, unsigned sint, unsigned flag);

struct TimerMessage {
  bool present = false;  // the slot has a timer's message
  tlfs::TimerMessagePayload payload;
};
[[nodiscard]] TimerMessage ReadTimerMessage(unsigned cpu, unsigned sint);

void SetTimerConfig(unsigned timer, tlfs::StimerConfig config);
[[nodiscard]] tlfs::StimerConfig TimerConfig(unsigned timer);
void SetTimerCount(unsigned timer, uint64_t count);
// Not enabled yet, but by the next write of its count.
[[nodiscard]] tlfs::StimerConfig MessageTimer(unsigned sint);
[[nodiscard]] tlfs::StimerConfig DirectTimer(uint8_t vector);

inline constexpr uint64_t kTicksPerSecond = 10'000'000;
inline constexpr uint64_t kTicksPerMs = kTicksPerSecond / 1000;

// Turns on the TSC page. Ends the guest if that is not valid, since everything here counts on it.
void StartReferenceTime();
// Reference time by the TSC page, after StartReferenceTime.
[[nodiscard]] uint64_t Now();
// Lets interrupts in until then, without halting.
void ServeInterruptsUntil(uint64_t time);

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_LIB_SYNIC_H_
