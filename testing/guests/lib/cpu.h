// The processor's instructions that guests need: ports, MSRs (where #GP is an answer, not the end),
// CPUID, time. Callable on any virtual processor.

#ifndef HVKIT_TESTING_GUESTS_LIB_CPU_H_
#define HVKIT_TESTING_GUESTS_LIB_CPU_H_

#include <cstdint>

namespace hvkit::guest {

inline void Out8(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
inline void Out32(uint16_t port, uint32_t value) {
  asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
inline uint8_t In8(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

struct CpuidResult {
  uint32_t eax, ebx, ecx, edx;
};
inline CpuidResult Cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  CpuidResult r;
  asm volatile("cpuid"
               : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
               : "a"(leaf), "c"(subleaf));
  return r;
}

inline uint64_t Rdtsc() {
  uint32_t low;
  uint32_t high;
  asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return uint64_t{high} << 32 | low;
}

inline void Pause() { asm volatile("pause" : : : "memory"); }
inline void EnableInterrupts() { asm volatile("sti" : : : "memory"); }
inline void DisableInterrupts() { asm volatile("cli" : : : "memory"); }
// Enables interrupts, waits for one, disables them again; none is lost before the wait.
inline void WaitForInterrupt() { asm volatile("sti; hlt; cli" : : : "memory"); }
[[noreturn]] inline void Stop() {
  while (true) asm volatile("cli; hlt" : : : "memory");
}

inline constexpr uint8_t kUndefinedOpcode = 6;
inline constexpr uint8_t kGeneralProtection = 13;

// How an instruction that may fault went.
struct Fault {
  bool raised = false;
  uint8_t vector = 0;
};
struct MsrRead {
  Fault fault;
  uint64_t value = 0;  // 0 after a fault
};

[[nodiscard]] MsrRead ReadMsr(uint32_t index);
[[nodiscard]] Fault WriteMsr(uint32_t index, uint64_t value);
// Executes UD2.
[[nodiscard]] Fault RaiseUndefinedOpcode();

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_LIB_CPU_H_
