// Which general registers hold a hypercall's words, in 64-bit and in 32-bit code.
//
// TLFS: hypercall-interface.md "Hypercall Register Conventions (x86/x64)". XMM registers are the
// same in both. Immutable.
#ifndef HVKIT_HYPERV_HYPERCALL_X64_REGISTERS_H_
#define HVKIT_HYPERV_HYPERCALL_X64_REGISTERS_H_

#include <cstdint>

#include "hyperv/host/hypercall_registers.h"

namespace hvkit::hyperv {

// The registers that a call may use; a host fills in all of them, and takes all back.
struct GeneralRegisters {
  uint64_t rax = 0, rbx = 0, rcx = 0, rdx = 0, rsi = 0, rdi = 0, r8 = 0;

  friend constexpr bool operator==(const GeneralRegisters&, const GeneralRegisters&) = default;
};

namespace internal {
constexpr uint64_t Pair(uint64_t high, uint64_t low) { return high << 32 | (low & 0xFFFF'FFFF); }
constexpr void SplitIntoEdxEax(uint64_t value, GeneralRegisters& registers) {
  registers.rax = value & 0xFFFF'FFFF;
  registers.rdx = value >> 32;
}
}  // namespace internal

// The call that code of that mode makes.
constexpr HypercallWords ReadHypercall(CallerMode mode, const GeneralRegisters& registers) {
  if (mode == CallerMode::k64Bit) {
    return {.mode = mode, .control = registers.rcx, .parameters = {registers.rdx, registers.r8}};
  }
  return {.mode = mode,
          .control = internal::Pair(registers.rdx, registers.rax),
          .parameters = {internal::Pair(registers.rbx, registers.rcx),
                         internal::Pair(registers.rdi, registers.rsi)}};
}

// Puts what Dispatch has made of the call into the registers; with kInvalidOpcode nothing.
constexpr void WriteHypercall(const HypercallWords& words, const HypercallOutcome& outcome,
                              GeneralRegisters& registers) {
  using Kind = HypercallOutcome::Kind;
  if (outcome.kind == Kind::kInvalidOpcode) return;
  const bool again = outcome.kind == Kind::kRetry;
  if (words.mode != CallerMode::k64Bit) {
    internal::SplitIntoEdxEax(again ? words.control : outcome.result, registers);
    return;
  }
  registers.rcx = words.control;
  if (again) return;
  registers.rax = outcome.result;
  registers.rdx = words.parameters[0];
  registers.r8 = words.parameters[1];
}

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_X64_REGISTERS_H_
