// docs/tlfs_coverage.md, written from the model's tables and the back ends' abilities: for each
// synthetic MSR and each CPUID bit, where it is implemented, what gates it, and what tests it.
//
// A test compares the file with this; `bazel run //testing/tables:print_coverage` prints it. Pure
// function: thread-safe.
#ifndef HVKIT_TESTING_TABLES_COVERAGE_H_
#define HVKIT_TESTING_TABLES_COVERAGE_H_

#include <span>
#include <string>

#include "hyperv/tlfs/cpuid.h"

namespace hvkit::testing {

[[nodiscard]] std::string TlfsCoverageMarkdown();

// Every bit of hyperv/tlfs/cpuid.h, in its order.
[[nodiscard]] std::span<const hyperv::tlfs::CpuidBit* const> AllCpuidBits();

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_TABLES_COVERAGE_H_
