// How long things take, by the TSC: in nanoseconds once its frequency is known, in cycles where no
// clock tells it.
#ifndef HVKIT_TESTING_GUESTS_TOUR_CLOCK_H_
#define HVKIT_TESTING_GUESTS_TOUR_CLOCK_H_

#include <cstdint>

#include "testing/guests/lib/cpu.h"
#include "testing/guests/tour/visit.h"

namespace hvkit::guest {

// Learns the frequency: from its MSR, else from the reference time, for some milliseconds. Before
// any other of these.
void LearnTscFrequency();
// In Hz; 0 if unknown.
[[nodiscard]] uint64_t TscFrequency();

[[nodiscard]] Amount Duration(uint64_t cycles);
// The mean of `count` things that took `cycles` in all.
[[nodiscard]] Amount MeanDuration(uint64_t cycles, uint64_t count);

// About so many cycles, by a guess of 2 GHz where the frequency is unknown.
[[nodiscard]] uint64_t CyclesOfMicroseconds(uint64_t us);
// Takes interrupts meanwhile.
void Spin(uint64_t us);

// The mean duration of a call of `function`.
template <typename Function>
[[nodiscard]] Amount TimeOf(uint64_t count, Function function) {
  const uint64_t start = Rdtsc();
  for (uint64_t i = 0; i < count; ++i) function();
  return MeanDuration(Rdtsc() - start, count);
}

// Waits with interrupts let in; false if it takes some seconds, even on a busy host.
template <typename Condition>
[[nodiscard]] bool WaitUntil(Condition condition) {
  const uint64_t start = Rdtsc();
  const uint64_t patience = CyclesOfMicroseconds(10'000'000);
  EnableInterrupts();
  while (!condition() && Rdtsc() - start < patience) Pause();
  DisableInterrupts();
  return condition();
}

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_TOUR_CLOCK_H_
