#include "testing/guests/lib/cpu.h"

#include "testing/guests/lib/interrupts.h"

namespace hvkit::guest {
namespace {

Fault ToFault(uint32_t fixup) {
  return {.raised = fixup != 0, .vector = static_cast<uint8_t>(fixup)};
}

}  // namespace

// An instruction with HVKIT_GUEST_FIXUP continues behind itself after an exception, ESI then
// holding kFixupMark | vector.
#define HVKIT_GUEST_FIXUP(instruction) \
  "1: " instruction "\n2:\n.pushsection .fixups, \"a\"\n.quad 1b, 2b\n.popsection"

MsrRead ReadMsr(uint32_t index) {
  uint32_t low = 0;
  uint32_t high = 0;
  uint32_t fixup = 0;
  asm volatile(HVKIT_GUEST_FIXUP("rdmsr")
               : "+a"(low), "+d"(high), "+S"(fixup)
               : "c"(index)
               : "memory");
  return {.fault = ToFault(fixup), .value = uint64_t{high} << 32 | low};
}

Fault WriteMsr(uint32_t index, uint64_t value) {
  uint32_t fixup = 0;
  asm volatile(HVKIT_GUEST_FIXUP("wrmsr")
               : "+S"(fixup)
               : "c"(index), "a"(static_cast<uint32_t>(value)),
                 "d"(static_cast<uint32_t>(value >> 32))
               : "memory");
  return ToFault(fixup);
}

Fault RaiseUndefinedOpcode() {
  uint32_t fixup = 0;
  asm volatile(HVKIT_GUEST_FIXUP("ud2") : "+S"(fixup) : : "memory");
  return ToFault(fixup);
}

#undef HVKIT_GUEST_FIXUP

}  // namespace hvkit::guest
