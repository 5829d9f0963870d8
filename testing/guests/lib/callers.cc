#include "testing/guests/lib/callers.h"

#include "hyperv/tlfs/msr.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/modes.h"

namespace hvkit::guest {
namespace {

struct Call {
  HypercallRegisters registers;
  HypercallReturn answer;
};

HypercallReturn ToReturn(bool carry, uint64_t result) {
  if (!carry) return {.fault = {}, .result = result};
  return {.fault = {.raised = true, .vector = static_cast<uint8_t>(result)}, .result = 0};
}

void LoadXmm(const uint64_t (&xmm)[12]) {
  asm volatile(
      "movups 0(%0), %%xmm0; movups 16(%0), %%xmm1; movups 32(%0), %%xmm2;"
      "movups 48(%0), %%xmm3; movups 64(%0), %%xmm4; movups 80(%0), %%xmm5"
      :
      : "r"(xmm)
      : "memory");
}

void StoreXmm(uint64_t (&xmm)[12]) {
  asm volatile(
      "movups %%xmm0, 0(%0); movups %%xmm1, 16(%0); movups %%xmm2, 32(%0);"
      "movups %%xmm3, 48(%0); movups %%xmm4, 64(%0); movups %%xmm5, 80(%0)"
      :
      : "r"(xmm)
      : "memory");
}

// The compiler uses no SSE register meanwhile, or ever.
void Call64(void* argument) {
  auto& call = *static_cast<Call*>(argument);
  HypercallRegisters& registers = call.registers;
  const void* const page = HypercallPage();
  LoadXmm(registers.xmm);
  uint64_t result;
  bool carry;
  register uint64_t r8 asm("r8") = registers.output;
  asm volatile("clc; call *%[page]"
               : "=&a"(result), "+c"(registers.control), "+d"(registers.input), "+r"(r8),
                 "=@ccc"(carry)
               : [page] "r"(page)
               : "r9", "r10", "r11", "memory");
  registers.output = r8;
  StoreXmm(registers.xmm);
  call.answer = ToReturn(carry, result);
}

void CallFrom32BitCode(Call& call) {
  HypercallRegisters& registers = call.registers;
  Registers32 words = {.eax = static_cast<uint32_t>(registers.control),
                       .ebx = static_cast<uint32_t>(registers.input >> 32),
                       .ecx = static_cast<uint32_t>(registers.input),
                       .edx = static_cast<uint32_t>(registers.control >> 32),
                       .esi = static_cast<uint32_t>(registers.output),
                       .edi = static_cast<uint32_t>(registers.output >> 32),
                       .carry = 0};
  LoadXmm(registers.xmm);
  Call32(words, reinterpret_cast<uint64_t>(HypercallPage()));
  StoreXmm(registers.xmm);
  registers.input = uint64_t{words.ebx} << 32 | words.ecx;
  registers.output = uint64_t{words.edi} << 32 | words.esi;
  const bool carry = words.carry != 0;
  call.answer = ToReturn(carry, carry ? words.eax : uint64_t{words.edx} << 32 | words.eax);
}

void CallFromRing3(Call& call, PortAccess access) {
  const Fault fault = RunInUserMode(Call64, &call, access);
  if (fault.raised) call.answer = {.fault = fault, .result = 0};
}

}  // namespace

void PrepareCallers() {
  PrepareUserMode(0);
  EnableSse();
  SetReturningCode(HypercallPage(), tlfs::kPageSize);
}

HypercallReturn CallHypervisor(Caller caller, HypercallRegisters& registers) {
  Call call = {.registers = registers, .answer = {}};
  switch (caller) {
    case Caller::k64BitCode:
      Call64(&call);
      break;
    case Caller::k32BitCode:
      CallFrom32BitCode(call);
      break;
    case Caller::kRing3:
      CallFromRing3(call, PortAccess::kNone);
      break;
    case Caller::kRing3WithPorts:
      CallFromRing3(call, PortAccess::kAll);
      break;
  }
  if (!call.answer.fault.raised) registers = call.registers;
  return call.answer;
}

}  // namespace hvkit::guest
