// The steps of a program, as the calling processor does them, and the reset between programs.
#ifndef HVKIT_TESTING_DIFFERENTIAL_STEPS_H_
#define HVKIT_TESTING_DIFFERENTIAL_STEPS_H_

#include "testing/differential/program.h"

namespace hvkit::guest {

// After PrepareVpSettling (settling.h) on all.
[[nodiscard]] testing::Record RunStep(const testing::Step& step);

// What the registers of the calling VP hold, in one number.
[[nodiscard]] uint64_t DigestVp();

// Writes back every register that a program has written on the calling VP, and clears its pages.
void ResetVp();
// The same for what all VPs share, while no other runs steps; hypercalls are then off.
void ResetShared();

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_DIFFERENTIAL_STEPS_H_
