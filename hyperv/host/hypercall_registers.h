// One hypercall as the registers of its caller show it, and the XMM registers behind it.
//
// TLFS: hypercall-interface.md "Legal Hypercall Environments", "Hypercall Register Conventions",
// "XMM Fast Hypercall Input", "XMM Fast Hypercall Output". Which register holds what in 64-bit and
// 32-bit code is in hyperv/hypercall/x64_registers.h; what the words mean is the dispatcher's.
#ifndef HVKIT_HYPERV_HOST_HYPERCALL_REGISTERS_H_
#define HVKIT_HYPERV_HOST_HYPERCALL_REGISTERS_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace hvkit::hyperv {

// From what code the call was made.
enum class CallerMode : uint8_t {
  kIllegal,  // CPL above 0, real mode, or no guest OS id: the call is #UD
  k32Bit,    // EFER.LMA and CS.L are not both set
  k64Bit,
};

// The words of a call, the same for both register conventions. The dispatcher changes them as the
// guest is to see them afterwards.
struct HypercallWords {
  CallerMode mode = CallerMode::kIllegal;
  uint64_t control = 0;  // tlfs::HypercallControl. On kRetry with the new rep start
  // GPAs of the input and output blocks; in a fast call the block's first 16 bytes. With fast
  // output (64-bit only) they may be changed.
  std::array<uint64_t, 2> parameters{};
};

// XMM0 to XMM5, 16 bytes each, low quadword first.
using XmmValues = std::array<uint64_t, 12>;

// XMM0 to XMM5 of one VP. Only touched by calls that use them. VP thread.
class XmmRegisters {
 public:
  virtual ~XmmRegisters() = default;

  // All six, whatever the guest's use of them.
  virtual void Read(XmmValues& values) = 0;
  // All six: those that the call did not change are as Read gave them.
  virtual void Write(const XmmValues& values) = 0;
};

// What the host is to do now.
struct [[nodiscard]] HypercallOutcome {
  // Three ways for the instruction to end.
  enum class Kind : uint8_t {
    kCompleted,      // `result` goes into RAX or EDX:EAX; the instruction is complete
    kRetry,          // words.control goes into RCX or EDX:EAX; the instruction is executed again
    kInvalidOpcode,  // #UD; no register changes
  };
  Kind kind = Kind::kInvalidOpcode;
  uint64_t result = 0;  // tlfs::HypercallResult, of kCompleted
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_HYPERCALL_REGISTERS_H_
