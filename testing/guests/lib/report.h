// What a guest says about its checks, on the serial port: a line `ok NAME` or `FAIL NAME: DETAIL`
// for each, then `done N passed, N failed`; and how it ends: through the debug-exit port with 0 if
// none failed and 1 otherwise, which gives the VMM's exit status 1 or 3. For one processor at a
// time.

#ifndef HVKIT_TESTING_GUESTS_LIB_REPORT_H_
#define HVKIT_TESTING_GUESTS_LIB_REPORT_H_

#include <cstdint>

namespace hvkit::guest {

// Writes a line to the serial port.
void Print(const char* line);

// Appended to the names of the checks that follow; a string literal or one that lives on.
void SetCheckSuffix(const char* suffix);

// NAME is what should hold.
void Check(bool ok, const char* name, const char* detail = "does not hold");
void CheckEqual(uint64_t actual, uint64_t expected, const char* name);

// Ends the report and the guest.
[[noreturn]] void FinishReport();
// The same after a check that failed in a way that leaves nothing more to do.
[[noreturn]] void Fatal(const char* name, const char* detail);

// Ends the guest with a value of its own.
[[noreturn]] void ExitWith(uint32_t value);

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_LIB_REPORT_H_
