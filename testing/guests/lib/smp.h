// More processors: starting them and running functions on them. Called on the first processor only,
// unless said otherwise.

#ifndef HVKIT_TESTING_GUESTS_LIB_SMP_H_
#define HVKIT_TESTING_GUESTS_LIB_SMP_H_

#include <cstdint>

namespace hvkit::guest {

// Starts all other processors and waits until `count` of them, the first included, are up. Ends the
// guest with a FAIL line if they do not come. Processors are numbered from 0 in the order in which
// they came up.
void StartCpus(unsigned count);

// Resets a processor, but the first, by INIT and starts it anew; the function that it ran begins
// anew too. Called on any processor, on one at a time; no other one is being started.
void RestartCpu(unsigned cpu);

// The APIC id of a processor that is up.
[[nodiscard]] uint32_t ApicIdOf(unsigned cpu);

using CpuFunction = void (*)(void* argument);

// Runs `function` on another processor (in an idle loop with interrupts off; halted between
// functions) and waits for its end.
void RunOn(unsigned cpu, CpuFunction function, void* argument);

// As RunOn, without the wait; WaitFor waits.
void PostTo(unsigned cpu, CpuFunction function, void* argument);
void WaitFor(unsigned cpu);

using EachFunction = void (*)(unsigned cpu);

// Runs `function` on each of the first `count` processors in turn: on this one, then on the others
// while this one is halted with interrupts on. The names of checks say which one made them.
void RunOnEach(unsigned count, EachFunction function);

// Runs `function` on that processor alone: at once on this one, after StartCpus on another.
void RunOnOnly(unsigned cpu, EachFunction function);

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_LIB_SMP_H_
