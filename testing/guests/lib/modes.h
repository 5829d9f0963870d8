// Code outside of 64-bit mode at ring 0: at ring 3, 32-bit, and with SSE registers. Each function
// works on the calling processor.

#ifndef HVKIT_TESTING_GUESTS_LIB_MODES_H_
#define HVKIT_TESTING_GUESTS_LIB_MODES_H_

#include <cstdint>

#include "testing/guests/lib/cpu.h"

namespace hvkit::guest {

// Has to come first on each processor that uses ring 3. All memory is open to it.
void PrepareUserMode(unsigned cpu);

using UserFunction = void (*)(void* argument);

enum class PortAccess : uint8_t {
  kNone,  // IN and OUT raise #GP
  kAll,
};

// Runs `function` at ring 3, interrupts as they are here, until it returns or raises an exception.
[[nodiscard]] Fault RunInUserMode(UserFunction function, void* argument, PortAccess access);

struct Registers32 {
  uint32_t eax, ebx, ecx, edx, esi, edi;
  uint32_t carry;  // 0 or 1; what it was before does not matter
};
// Calls 32-bit code, in compatibility mode at ring 0, which preserves EBP and the stack.
void Call32(Registers32& registers, uint64_t function);

// Lets this processor execute SSE instructions.
void EnableSse();

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_LIB_MODES_H_
