// A target with a bug that no small change of its corpus reaches: replaying the corpus passes, and
// libFuzzer finds the bug in seconds.
#include <cstdint>

#include "testing/fuzz/fuzz_input.h"
#include "testing/fuzz/fuzz_target.h"

namespace hvkit::testing {

void FuzzOne(std::span<const std::byte> input) {
  FuzzInput fields(input);
  Require(fields.Take<uint32_t>() != 0x21677562, "no input begins with \"bug!\"");
}

}  // namespace hvkit::testing
