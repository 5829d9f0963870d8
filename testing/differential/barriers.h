// Where all VPs of a program meet, and the reset of one that waits there. Each function works on
// the calling processor, with interrupts off before and after.
#ifndef HVKIT_TESTING_DIFFERENTIAL_BARRIERS_H_
#define HVKIT_TESTING_DIFFERENTIAL_BARRIERS_H_

#include <cstdint>

namespace hvkit::guest {

// For so many VPs; once, before any comes to one.
void PrepareBarriers(uint32_t cpus);

// Halts until all have come. Takes what is pending.
void Barrier();

// Sends an INIT to another VP, the processor `cpu`, once it waits at the barrier to come and has
// taken what was pending, and starts it anew. The caller is the only one that acts. Returns what
// the other's registers hold then (DigestVp).
[[nodiscard]] uint64_t ResetWaiting(unsigned vp, unsigned cpu);

// On the VP that was reset: tells its registers and goes on waiting.
void BarrierAfterReset();

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_DIFFERENTIAL_BARRIERS_H_
