#include "testing/fuzz/fuzz_target.h"

#include <cstdio>
#include <cstdlib>

namespace hvkit::testing {

void Require(bool holds, const char* rule, const std::source_location& where) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: broken: %s\n", where.file_name(),
               static_cast<unsigned>(where.line()), rule);
  std::abort();
}

}  // namespace hvkit::testing
