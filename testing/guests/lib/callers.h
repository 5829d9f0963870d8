// Hypercalls with all the registers that they may use, from each kind of code.

#ifndef HVKIT_TESTING_GUESTS_LIB_CALLERS_H_
#define HVKIT_TESTING_GUESTS_LIB_CALLERS_H_

#include <cstdint>

#include "testing/guests/lib/cpu.h"

namespace hvkit::guest {

// As the TLFS has them for 64-bit code: RCX, RDX, R8, XMM0 to XMM5. In 32-bit code the first three
// are pairs of registers.
struct HypercallRegisters {
  uint64_t control;
  uint64_t input;
  uint64_t output;
  uint64_t xmm[12];
};

enum class Caller : uint8_t {
  k64BitCode,
  k32BitCode,
  kRing3,           // IN and OUT raise #GP
  kRing3WithPorts,  // IOPL is 3
};

struct HypercallReturn {
  Fault fault = {};
  uint64_t result = 0;  // 0 after a fault
};

// Once, before CallHypervisor is used, on the first processor; EnableHypercalls came before.
void PrepareCallers();

// On the first processor. `registers` are left as the call leaves them, unless it raises a fault.
[[nodiscard]] HypercallReturn CallHypervisor(Caller caller, HypercallRegisters& registers);

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_LIB_CALLERS_H_
