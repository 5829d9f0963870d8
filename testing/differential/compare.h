// What two runs of one program have in common. Immutable.
#ifndef HVKIT_TESTING_DIFFERENTIAL_COMPARE_H_
#define HVKIT_TESTING_DIFFERENTIAL_COMPARE_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "testing/differential/generator.h"
#include "testing/differential/program.h"

namespace hvkit::testing {

struct Comparison {
  size_t compared = 0;   // steps from the first on that are the same, or are known to differ
  bool differs = false;  // the next one is not, and no row of docs/divergences.md says so
  std::vector<std::string> rows;  // subjects of the rows that were met
};

// What comes after a difference that leaves the two back ends in different states is not compared.
[[nodiscard]] Comparison Compare(const Program& program, std::span<const Record> kernel,
                                 std::span<const Record> user);

// One line each, for people.
[[nodiscard]] std::string Describe(const Step& step);
[[nodiscard]] std::string Describe(const Record& record);

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_DIFFERENTIAL_COMPARE_H_
