// Interrupts of a program: counting them, letting them in, and waiting until all that the calling
// VP has set off has happened, so that what comes next is the same each time. Each function works
// on the calling processor, with interrupts off before and after.
#ifndef HVKIT_TESTING_DIFFERENTIAL_SETTLING_H_
#define HVKIT_TESTING_DIFFERENTIAL_SETTLING_H_

#include <cstdint>

namespace hvkit::guest {

// The VP: PrepareUserMode (lib/modes.h) gave each processor a task register of its own.
[[nodiscard]] unsigned ThisVp();

// Once, on the first processor, before others use what follows. Ends the guest without an x2APIC.
void PrepareSettling();
// Once on each processor. Takes timer kSettlingTimer.
inline constexpr unsigned kSettlingTimer = 3;
void PrepareVpSettling();

// Takes the interrupts that are pending. Whether one of those that are counted came.
bool LetInterruptsIn();

// Halts until the timers that are due before now have expired: the deadline of the timer that ends
// it comes after those of others that were at most kSoonest (program.h) from now when they were
// set.
void SettleTimers();
// Halts until the threads of the VMM that nobody waits for have done what this VP has set off.
void SettleDevices();

// Halts with interrupts on until one has come, its own or another. None is lost that comes after
// the caller turned them off.
void AwaitInterrupt();

// Ends the wait of every other processor that is in AwaitInterrupt.
void WakeOthers();

// The counted interrupts (program.h) since the last time: 4 bits for each vector, at most `limit`.
[[nodiscard]] uint64_t TakeInterrupts(unsigned limit);
// How often one of them has come since then.
[[nodiscard]] unsigned CountOf(uint8_t vector);

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_DIFFERENTIAL_SETTLING_H_
