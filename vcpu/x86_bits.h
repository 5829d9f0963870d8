// Bits of the processor's own registers, and numbers of its MSRs, as far as this package knows
// them. Source: Intel SDM volume 3, "Control Registers" and volume 4. Immutable.
#ifndef HVKIT_VCPU_X86_BITS_H_
#define HVKIT_VCPU_X86_BITS_H_

#include <cstdint>

namespace hvkit::vcpu::x86 {

// CR0.
inline constexpr uint64_t kCr0Pe = uint64_t{1} << 0;
inline constexpr uint64_t kCr0Et = uint64_t{1} << 4;
inline constexpr uint64_t kCr0Wp = uint64_t{1} << 16;
inline constexpr uint64_t kCr0Nw = uint64_t{1} << 29;
inline constexpr uint64_t kCr0Cd = uint64_t{1} << 30;
inline constexpr uint64_t kCr0Pg = uint64_t{1} << 31;

// CR4.
inline constexpr uint64_t kCr4Pae = uint64_t{1} << 5;
inline constexpr uint64_t kCr4La57 = uint64_t{1} << 12;
inline constexpr uint64_t kCr4Pcide = uint64_t{1} << 17;
inline constexpr uint64_t kCr4Cet = uint64_t{1} << 23;

// EFER.
inline constexpr uint64_t kEferLme = uint64_t{1} << 8;
inline constexpr uint64_t kEferLma = uint64_t{1} << 10;
inline constexpr uint64_t kEferNxe = uint64_t{1} << 11;

// RFLAGS: the bit that is always 1, virtual-8086 mode, and every bit that has a meaning.
inline constexpr uint64_t kRflagsFixed = uint64_t{1} << 1;
inline constexpr uint64_t kRflagsVm86 = uint64_t{1} << 17;
inline constexpr uint64_t kRflagsDefined = 0x3F7FD7;

// Numbers of MSRs.
inline constexpr uint32_t kMsrPat = 0x277;
inline constexpr uint32_t kMsrEfer = 0xC0000080;

}  // namespace hvkit::vcpu::x86

#endif  // HVKIT_VCPU_X86_BITS_H_
