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

// What programs do.
enum class Mix : uint8_t {
  kRegisters,  // MSRs, CPUID, flushes, IPIs, spin waits: the same each time on a machine of any
               // load
  kAll,        // timers, messages and events too, whose order depends on the load
};

// kMinGenerated to kMaxGenerated steps for `cpus` processors, 1 to kMaxCpus. Between two barriers
// one processor acts alone, or all act on what is their own.
[[nodiscard]] Program Generate(uint64_t seed, uint32_t cpus, Mix mix);

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_DIFFERENTIAL_GENERATOR_H_
