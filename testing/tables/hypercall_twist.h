// The ways in which a call can differ from a row of hypercall_cases.h, and what a runner is to do
// for one: types for hypercall_plan.h. Needs no hosted library. Immutable.
#ifndef HVKIT_TESTING_TABLES_HYPERCALL_TWIST_H_
#define HVKIT_TESTING_TABLES_HYPERCALL_TWIST_H_

#include <cstddef>
#include <cstdint>

#include "testing/tables/hypercall_row.h"

namespace hvkit::testing {

// Fast calls whose input or output goes beyond two registers are XMM fast calls.
enum class HypercallForm : uint8_t { kMemory, kFast };

enum class HypercallTwist : uint8_t {
  kNone,
  k32BitCode,           // Made by 32-bit code; the form decides whether it can be
  kCpl3,                // #UD
  kNoPrivilege,         // For the calls that have gates
  kReservedBit,         // 13 variants
  kMoreVariableHeader,  // A word more than the input has
  kRepCount,            // 0 for a rep call, 1 for another
  kRepStart,            // 2 variants: at the count, and past it; for another call 1 and 4095
  kRepStartInside,      // A rep call taken up at its last rep
  kInputMisaligned,     // 3 variants: by 1, 2 and 4 bytes
  kInputCrossesPage,    // By 8 bytes
  kInputEndsWithPage,   // Accepted
  kInputBeyondMemory,
  kOutputMisaligned,  // 3 variants
  kOutputCrossesPage,
  kOutputEndsWithPage,  // Accepted
  kOutputBeyondMemory,
  kOutputOnInput,
};
inline constexpr size_t kHypercallTwists = 18;
inline constexpr unsigned kMaxHypercallVariants = 13;

// Where a block goes: this far into the first of two pages of its own that follow each other, or
// to where the machine has no memory.
struct BlockPlace {
  uint16_t offset = 0;
  bool beyond_memory = false;
  bool on_input = false;  // Of an output: at the input's place
};

struct HypercallPlan {
  bool applies = false;
  uint64_t control = 0;
  bool is_32_bit = false;
  bool is_cpl3 = false;
  bool lacks_privilege = false;
  // Without the CPUID bit for it the answer of kNone is #UD, and other twists do not apply: the
  // TLFS names no order of errors.
  bool needs_xmm_input = false;
  bool needs_xmm_output = false;
  BlockPlace input;
  BlockPlace output;
  HypercallAnswer answer;
  HypercallAnswer kvm_answer;  // On the kernel back end, for rows that it has
};

// How many different ways there are to do the twist.
constexpr unsigned VariantsOf(HypercallTwist twist) {
  using enum HypercallTwist;
  if (twist == kReservedBit) return kMaxHypercallVariants;
  if (twist == kInputMisaligned || twist == kOutputMisaligned) return 3;
  return twist == kRepStart ? 2 : 1;
}

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_TABLES_HYPERCALL_TWIST_H_
