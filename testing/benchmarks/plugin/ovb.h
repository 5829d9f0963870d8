// What the plugin exports: the scenarios of testing/benchmarks, for a harness that pairs them with
// another implementation's in one process. One thread at a time.
#ifndef HVKIT_TESTING_BENCHMARKS_PLUGIN_OVB_H_
#define HVKIT_TESTING_BENCHMARKS_PLUGIN_OVB_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// How many scenarios there are.
size_t ovb_count(void);

// The name of one, which lives as long as the plugin is loaded; null if there is none.
const char* ovb_name(size_t scenario);

// Does the operation so many times. The first run of a scenario sets up what it needs, which then
// stays: `ovb_run(scenario, 0)` does that alone. Nothing if there is no such scenario.
void ovb_run(size_t scenario, uint64_t iterations);

#ifdef __cplusplus
}
#endif

#endif  // HVKIT_TESTING_BENCHMARKS_PLUGIN_OVB_H_
