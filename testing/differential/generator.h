// Random guest programs. A seed and a number of processors make the same program everywhere.
#ifndef HVKIT_TESTING_DIFFERENTIAL_GENERATOR_H_
#define HVKIT_TESTING_DIFFERENTIAL_GENERATOR_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "testing/differential/program.h"

namespace hvkit::testing {

using Program = std::vector<Step>;

inline constexpr size_t kMinGenerated = 10;
inline constexpr size_t kMaxGenerated = 200;

// kMinGenerated to kMaxGenerated steps for `cpus` processors, 1 to kMaxCpus: half of the programs
// have fewer than 35, one in ten more than 90. Between two barriers one processor acts alone, or
// all act on what is their own.
[[nodiscard]] Program Generate(uint64_t seed, uint32_t cpus);

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_DIFFERENTIAL_GENERATOR_H_
