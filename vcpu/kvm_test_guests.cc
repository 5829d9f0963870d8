#include "vcpu/kvm_test_guests.h"

// Numbers in the assembly are those of the header.
#define HVKIT_GUEST(name, mode, body)                                     \
  asm(".pushsection .rodata\n"                                            \
      "hvkit_" #name "_begin:\n" mode "\n" body                           \
      "\n.code64\n"                                                       \
      "hvkit_" #name                                                      \
      "_end:\n"                                                           \
      ".popsection\n");                                                   \
  extern "C" const std::byte hvkit_##name##_begin[];                      \
  extern "C" const std::byte hvkit_##name##_end[];                        \
  namespace hvkit::vcpu {                                                 \
  GuestCode name() { return {hvkit_##name##_begin, hvkit_##name##_end}; } \
  }                                                                       \
  static_assert(true)

HVKIT_GUEST(RealModeGuest, ".code16", R"(
    mov %cs, %ax
    out %ax, $0x10
    mov %ds, %ax
    out %ax, $0x10
    call 1f
1:  pop %ax
    out %ax, $0x10
    smsw %ax
    out %ax, $0x10
    out %al, $0xf4
2:  jmp 2b
)");

HVKIT_GUEST(SecondProcessorGuest, ".code16", R"(
    mov %cs, %ax
    out %ax, $0x10
1:  hlt
    jmp 1b
)");

HVKIT_GUEST(Protected32Guest, ".code32", R"(
    out %eax, $0x10
    mov %ebx, %eax
    out %eax, $0x10
    mov %esi, %eax
    out %eax, $0x10
    mov %cr0, %eax
    out %eax, $0x10
    out %al, $0xf4
1:  jmp 1b
)");

HVKIT_GUEST(StringIoGuest, ".code32", R"(
    cld
    mov $0x600, %esi
    mov $5, %ecx
    mov $0x10, %edx
    rep outsb
    mov $0x600, %edi
    mov $3, %ecx
    mov $0x20, %edx
    rep insw
    out %al, $0xf4
1:  jmp 1b
)");

HVKIT_GUEST(MmioGuest, ".code32", R"(
    movl $0x11223344, 0xd0000004
    mov 0xd0000000, %eax
    out %eax, $0x10
    out %al, $0xf4
1:  jmp 1b
)");

HVKIT_GUEST(MsrGuest, ".code32", R"(
    mov $0x0bad0001, %ecx
    mov $0x01020304, %edx
    mov $0x05060708, %eax
    wrmsr
    rdmsr
    out %eax, $0x10
    mov %edx, %eax
    out %eax, $0x10
    out %al, $0xf4
1:  jmp 1b
)");

HVKIT_GUEST(MixedExitsGuest, ".code32", R"(
    mov $300, %esi
1:  out %al, $0x10
    in $0x20, %al
    mov %eax, 0xd0000000
    mov 0xd0000000, %eax
    mov $0x0bad0001, %ecx
    wrmsr
    rdmsr
    dec %esi
    jnz 1b
    out %al, $0xf4
2:  jmp 2b
)");

HVKIT_GUEST(SpinningGuest, ".code32", R"(
1:  cmpl $0, 0x500
    je 1b
    out %al, $0xf4
2:  jmp 2b
)");

HVKIT_GUEST(InputGuest, ".code32", R"(
    in $0x20, %al
1:  cmpl $0, 0x500
    je 1b
    out %al, $0xf4
2:  jmp 2b
)");

HVKIT_GUEST(HaltingGuest, ".code32", R"(
    hlt
    out %al, $0xf4
1:  jmp 1b
)");

HVKIT_GUEST(TripleFaultGuest, ".code32", R"(
    ud2
)");

HVKIT_GUEST(JumpToNowhereGuest, ".code32", R"(
    mov $0xd0000000, %eax
    jmp *%eax
)");

HVKIT_GUEST(CpuidGuest, ".code32", R"(
    mov $1, %eax
    cpuid
    mov %ebx, %eax
    out %eax, $0x10
    mov %ecx, %eax
    out %eax, $0x10
    out %al, $0xf4
1:  jmp 1b
)");

HVKIT_GUEST(StartSecondGuest, ".code32", R"(
    movl $0x1ff, 0xfee000f0
    movl $0xc4500, 0xfee00300
    movl $0xc4608, 0xfee00300
1:  cmpl $0, 0x500
    je 1b
    out %al, $0xf4
2:  jmp 2b
)");

HVKIT_GUEST(LongModeGuest, ".code64", R"(
    mov $0x18, %eax
    mov %eax, %ds
    mov %eax, %ss
    lea 1f(%rip), %rax
    push $0x10
    push %rax
    lretq
1:
    mov %esi, %eax
    out %eax, $0x10
    mov %rsi, %rax
    shr $32, %rax
    out %eax, $0x10
    mov %esp, %eax
    out %eax, $0x10
    mov $0xc0000080, %ecx
    rdmsr
    out %eax, $0x10
    xor %eax, %eax
    mov %cs, %ax
    out %eax, $0x10
    out %al, $0xf4
2:  jmp 2b
)");
