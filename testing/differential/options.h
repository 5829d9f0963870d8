// The command line of `differ`. Immutable.
#ifndef HVKIT_TESTING_DIFFERENTIAL_OPTIONS_H_
#define HVKIT_TESTING_DIFFERENTIAL_OPTIONS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hvkit::testing {

struct Options {
  std::string guest;
  std::string scratch = "/tmp/differential.programs";
  std::vector<uint64_t> seeds;  // in turn, each for `seconds` and `programs`
  uint64_t seconds = 60;
  uint64_t programs = ~uint64_t{0};
  uint64_t findings = 1;
  uint64_t replay = 0;  // the number of VPs; 0: no replay
  uint64_t cpus = 0;    // 1 to kMaxCpus; 0: all of these
};

// Errors: which argument is none.
[[nodiscard]] absl::StatusOr<Options> ParseOptions(std::span<char* const> arguments);

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_DIFFERENTIAL_OPTIONS_H_
