// The little guests of user_backend_kvm_test: freestanding code, one symbol each, that may be put
// anywhere.
//
// They talk through ports: kLogPort is recorded, kInputPort is read, kDonePort ends the run.
#ifndef HVKIT_VCPU_HYPERV_KVM_USER_KVM_TEST_GUESTS_H_
#define HVKIT_VCPU_HYPERV_KVM_USER_KVM_TEST_GUESTS_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace hvkit::vcpu {

inline constexpr uint16_t kLogPort = 0x10;
inline constexpr uint16_t kInputPort = 0x30;
inline constexpr uint16_t kDonePort = 0xF4;
inline constexpr uint64_t kAssistPage = 0x3000;

using GuestCode = std::span<const std::byte>;

// 32-bit protected mode without an IDT: a fault is a triple fault.
GuestCode ReadMsrGuest();   // logs EAX and EDX of the MSR in ESI
GuestCode WriteMsrGuest();  // writes EBX:EAX to the MSR in ESI, logs EAX and EDX of its TSC
GuestCode ReadTscGuest();   // logs EAX and EDX of its TSC, between two reads of kInputPort
GuestCode CallGuest();      // calls EBX with ECX = 1 and EDX = 2; logs EAX, ECX and EDX
// 64-bit long mode.
GuestCode CallGuest64();  // calls RSI with RCX = 1 and RDX = 2; logs EAX, ECX and EDX
// An exception's handler: logs where it happened, ends the run.
GuestCode LogReturnAddressHandler();
// Any mode.
GuestCode EndOfRunGuest();  // ends the run
// 16-bit real mode.
GuestCode HaltingGuest();      // lets interrupts in and halts, for ever
GuestCode InterruptHandler();  // ends the run
// Takes the flag "no EOI required" from kAssistPage, or writes the x2APIC's EOI if it is not there;
// logs whether it was.
GuestCode AssistedHandler();

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_USER_KVM_TEST_GUESTS_H_
