// The rows of docs/divergences.md in which the two back ends differ, as the comparison knows them.
// Immutable.
#ifndef HVKIT_TESTING_DIFFERENTIAL_KNOWN_DIFFERENCES_H_
#define HVKIT_TESTING_DIFFERENTIAL_KNOWN_DIFFERENCES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "testing/differential/generator.h"
#include "testing/differential/program.h"

namespace hvkit::testing {

// A step that the two back ends saw differently, the first one of its program.
struct Sighting {
  const Program& program;
  size_t at;
  const Record& kernel;
  const Record& user;

  [[nodiscard]] const Step& step() const { return program[at]; }
};

struct KnownRow {
  const char* subject;
  bool parts_states;  // from there on the two back ends are in different states
};

// The row that describes it.
[[nodiscard]] std::optional<KnownRow> KnownDifference(const Sighting& sighting);

// The subjects of all rows, as docs/divergences.md has them.
[[nodiscard]] std::vector<std::string> KnownSubjects();

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_DIFFERENTIAL_KNOWN_DIFFERENCES_H_
