// The other modes of the guests' library: ring 3, 32-bit code, SSE. Needs no Hyper-V.

#include "testing/guests/lib/modes.h"

#include <cstdint>

#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/report.h"

namespace hvkit::guest {
namespace {

constexpr uint16_t kFreePort = 0x80;
// INC EAX; RET in 32-bit code. In 64-bit code the first is a prefix.
constexpr uint8_t kIncrement[] = {0x40, 0xc3};
constexpr uint8_t kUndefined[] = {0x0f, 0x0b, 0xc3};

void ReadCodeSelector(void* argument) {
  asm volatile("movw %%cs, %0" : "=r"(*static_cast<uint16_t*>(argument)));
}

void Halt(void*) { asm volatile("hlt"); }

void WritePort(void*) { Out8(kFreePort, 0); }

void CheckUserMode() {
  uint16_t selector = 0;
  Check(!RunInUserMode(ReadCodeSelector, &selector, PortAccess::kNone).raised,
        "code at ring 3 returns");
  CheckEqual(selector & 3, 3, "it was at ring 3");
  CheckEqual(RunInUserMode(Halt, nullptr, PortAccess::kNone).vector, kGeneralProtection,
             "HLT at ring 3 raises #GP");
  CheckEqual(RunInUserMode(WritePort, nullptr, PortAccess::kNone).vector, kGeneralProtection,
             "OUT at ring 3 raises #GP");
  Check(!RunInUserMode(WritePort, nullptr, PortAccess::kAll).raised,
        "OUT at ring 3 works with IOPL 3");
}

void Check32Bit() {
  Registers32 registers = {.eax = 41, .ebx = 2, .ecx = 3, .edx = 4, .esi = 5, .edi = 6, .carry = 1};
  Call32(registers, reinterpret_cast<uint64_t>(kIncrement));
  CheckEqual(registers.eax, 42, "32-bit code runs");
  CheckEqual(registers.carry, 0, "it starts without carry");
  Check(registers.ebx == 2 && registers.ecx == 3 && registers.edx == 4 && registers.esi == 5 &&
            registers.edi == 6,
        "it gets its registers and leaves them");
  SetReturningCode(kUndefined, sizeof(kUndefined));
  Call32(registers, reinterpret_cast<uint64_t>(kUndefined));
  CheckEqual(registers.carry, 1, "an exception returns with carry");
  CheckEqual(registers.eax, kUndefinedOpcode, "and tells its vector");
}

void CheckSse() {
  uint64_t from[2] = {0x1111, 0x2222};
  uint64_t to[2] = {};
  EnableSse();
  asm volatile("movups %1, %%xmm5; movups %%xmm5, %0" : "=m"(to) : "m"(from));
  Check(to[0] == from[0] && to[1] == from[1], "SSE registers keep values");
}

}  // namespace

void GuestMain(const BootInfo&) {
  PrepareUserMode(0);
  CheckUserMode();
  Check32Bit();
  CheckSse();
}

}  // namespace hvkit::guest
