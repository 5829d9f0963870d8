// Makes a program that shows something as short as it can be. Immutable.
#ifndef HVKIT_TESTING_DIFFERENTIAL_SHRINK_H_
#define HVKIT_TESTING_DIFFERENTIAL_SHRINK_H_

#include <functional>
#include <vector>

#include "testing/differential/generator.h"

namespace hvkit::testing {

// Which of the candidates still show it; called with many at once, since a batch costs little more
// than one program.
using ShowsIt = std::function<std::vector<bool>(const std::vector<Program>&)>;

// Takes parts away, halves first, as long as what is left shows it. The result shows it, and no
// single step of it can be missed. Barriers between steps stay.
[[nodiscard]] Program Shrink(Program program, const ShowsIt& shows_it);

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_DIFFERENTIAL_SHRINK_H_
