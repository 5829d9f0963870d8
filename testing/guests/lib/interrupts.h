// Interrupts and exceptions of a guest. An exception at an instruction with a fixup continues
// there, one at ring 3 ends what runs there (lib/modes.h), one in code that SetReturningCode names
// returns from it; any other ends the guest with a FAIL line.

#ifndef HVKIT_TESTING_GUESTS_LIB_INTERRUPTS_H_
#define HVKIT_TESTING_GUESTS_LIB_INTERRUPTS_H_

#include <cstdint>

namespace hvkit::guest {

inline constexpr uint8_t kFirstIrqVector = 32;
// In ESI after an exception at an instruction with a fixup, together with the vector.
inline constexpr uint32_t kFixupMark = 0x100;

// An exception in these bytes returns to their caller, with the carry flag set and the vector in
// RAX. For code that is called, such as the hypercall page; for all processors.
void SetReturningCode(const void* code, uint64_t size);

// Called with interrupts disabled, on the processor that was interrupted.
using IrqHandler = void (*)();

enum class Eoi : uint8_t { kAfterHandler, kNone };

// Sets what happens at `vector` (32 to 255); without a handler an interrupt is only acknowledged.
// For all processors: call it before they can get the interrupt.
void SetIrqHandler(uint8_t vector, IrqHandler handler, Eoi eoi = Eoi::kAfterHandler);

// Fills the interrupt table and masks the legacy PICs; once, on the first processor, before
// anything faults.
void BuildInterruptTable();
// Makes this processor use the table.
void LoadInterruptTable();

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_LIB_INTERRUPTS_H_
