#include "vcpu/hyperv_kvm/user_kvm_test_guests.h"

// Numbers in the assembly are those of the header.
#define HVKIT_GUEST(name, mode, body)                                               \
  asm(".pushsection .rodata\n"                                                      \
      "hvkit_user_" #name "_begin:\n" mode "\n" body                                \
      "\n.code64\n"                                                                 \
      "hvkit_user_" #name                                                           \
      "_end:\n"                                                                     \
      ".popsection\n");                                                             \
  extern "C" const std::byte hvkit_user_##name##_begin[];                           \
  extern "C" const std::byte hvkit_user_##name##_end[];                             \
  namespace hvkit::vcpu {                                                           \
  GuestCode name() { return {hvkit_user_##name##_begin, hvkit_user_##name##_end}; } \
  }                                                                                 \
  static_assert(true)

HVKIT_GUEST(ReadMsrGuest, ".code32", R"(
    mov %esi, %ecx
    rdmsr
    out %eax, $0x10
    mov %edx, %eax
    out %eax, $0x10
    out %al, $0xf4
1:  jmp 1b
)");

HVKIT_GUEST(WriteMsrGuest, ".code32", R"(
    mov %esi, %ecx
    mov %ebx, %edx
    wrmsr
    rdtsc
    out %eax, $0x10
    mov %edx, %eax
    out %eax, $0x10
    out %al, $0xf4
1:  jmp 1b
)");

HVKIT_GUEST(ReadTscGuest, ".code32", R"(
    in $0x30, %al
    rdtsc
    mov %eax, %ebx
    in $0x30, %al
    mov %ebx, %eax
    out %eax, $0x10
    mov %edx, %eax
    out %eax, $0x10
    out %al, $0xf4
1:  jmp 1b
)");

HVKIT_GUEST(CallGuest, ".code32", R"(
    mov $0x30000, %esp
    mov $1, %ecx
    mov $2, %edx
    call *%ebx
    out %eax, $0x10
    mov %ecx, %eax
    out %eax, $0x10
    mov %edx, %eax
    out %eax, $0x10
    out %al, $0xf4
1:  jmp 1b
)");

HVKIT_GUEST(CallGuest64, ".code64", R"(
    mov $1, %ecx
    mov $2, %edx
    call *%rsi
    out %eax, $0x10
    mov %ecx, %eax
    out %eax, $0x10
    mov %edx, %eax
    out %eax, $0x10
    out %al, $0xf4
1:  jmp 1b
)");

HVKIT_GUEST(LogReturnAddressHandler, ".code64", R"(
    pop %rax
    out %eax, $0x10
    out %al, $0xf4
1:  jmp 1b
)");

HVKIT_GUEST(EndOfRunGuest, ".code64", R"(
    out %al, $0xf4
1:  jmp 1b
)");

HVKIT_GUEST(HaltingGuest, ".code16", R"(
    sti
1:  hlt
    jmp 1b
)");

HVKIT_GUEST(InterruptHandler, ".code16", R"(
    out %al, $0xf4
1:  jmp 1b
)");

HVKIT_GUEST(AssistedHandler, ".code16", R"(
    xor %ax, %ax
    mov %ax, %ds
    mov $1, %ebx
    btrw $0, 0x3000
    jc 1f
    xor %ebx, %ebx
    mov $0x80b, %ecx
    xor %eax, %eax
    xor %edx, %edx
    wrmsr
1:  mov %ebx, %eax
    out %eax, $0x10
    iret
)");
