// What a fuzz target is: one function that takes any bytes.
//
// Each *_fuzz.cc defines FuzzOne; hvkit_fuzz_test (defs.bzl) links it to libFuzzer under
// --config=fuzz and to a program that replays the corpus everywhere else. A finding is a crash, a
// sanitizer's report, or a Require that does not hold.
#ifndef HVKIT_TESTING_FUZZ_FUZZ_TARGET_H_
#define HVKIT_TESTING_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <source_location>
#include <span>

namespace hvkit::testing {

// Defined by the target. Called many times in one process, always on the same thread; what it does
// depends on `input` alone.
void FuzzOne(std::span<const std::byte> input);

// Ends the process with `rule`, which the code under test has broken, unless it holds.
void Require(bool holds, const char* rule,
             const std::source_location& where = std::source_location::current());

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_FUZZ_FUZZ_TARGET_H_
