// The steps of a program, as the calling processor does them, and the reset between programs.
#ifndef HVKIT_TESTING_DIFFERENTIAL_STEPS_H_
#define HVKIT_TESTING_DIFFERENTIAL_STEPS_H_

#include "testing/differential/program.h"

namespace hvkit::guest {

// Once, on the first processor, after the callers (lib/callers.h) have been prepared on all.
void PrepareSteps();

[[nodiscard]] testing::Record RunStep(const testing::Step& step);

// Writes every register of the calling VP back to what it is at reset, and clears its pages.
void ResetVp();
// The same for what all VPs share; hypercalls are then enabled.
void ResetShared();

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_DIFFERENTIAL_STEPS_H_
