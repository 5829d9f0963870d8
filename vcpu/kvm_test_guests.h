// The little guests of vcpu_kvm_test: freestanding code, one symbol each, that may be put anywhere.
//
// They talk through ports: kLogPort is recorded, kInputPort is read, kDonePort ends the run.
#ifndef HVKIT_VCPU_KVM_TEST_GUESTS_H_
#define HVKIT_VCPU_KVM_TEST_GUESTS_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace hvkit::vcpu {

inline constexpr uint16_t kLogPort = 0x10;
inline constexpr uint16_t kInputPort = 0x20;
inline constexpr uint16_t kDonePort = 0xF4;
inline constexpr uint64_t kMmioBase = 0xD0000000;
inline constexpr uint64_t kFlagAddress = 0x500;    // what the spinning guests wait for
inline constexpr uint64_t kBufferAddress = 0x600;  // of the string instructions
inline constexpr uint32_t kUnknownMsr = 0x0BAD0001;
inline constexpr uint64_t kTrampoline = 0x8000;  // where the second processor starts
inline constexpr int kMixedRounds = 300;

using GuestCode = std::span<const std::byte>;

// 16-bit real mode.
GuestCode RealModeGuest();         // logs CS, DS, IP and the low half of CR0
GuestCode SecondProcessorGuest();  // logs CS, halts
// 32-bit protected mode.
GuestCode Protected32Guest();  // logs EAX, EBX, ESI and CR0
GuestCode
StringIoGuest();  // 5 bytes from the buffer to kLogPort, 6 bytes from kInputPort to the buffer
GuestCode MmioGuest();           // writes to kMmioBase + 4, logs what it reads at kMmioBase
GuestCode MsrGuest();            // writes EDX:EAX to kUnknownMsr, logs what it reads there
GuestCode MixedExitsGuest();     // kMixedRounds times: port, MMIO and MSR, both ways
GuestCode SpinningGuest();       // until the flag is set
GuestCode InputGuest();          // one byte of input, then waits for the flag
GuestCode HaltingGuest();        // HLT, then done
GuestCode TripleFaultGuest();    // UD2 without an IDT
GuestCode JumpToNowhereGuest();  // to kMmioBase
GuestCode CpuidGuest();          // logs EBX and ECX of leaf 1
GuestCode StartSecondGuest();    // INIT and SIPI to all others, then waits for the flag
// 64-bit long mode.
GuestCode
LongModeGuest();  // reloads CS, DS and SS from the GDT; logs RSI (low, high), RSP, EFER and CS

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_KVM_TEST_GUESTS_H_
