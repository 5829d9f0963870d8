// Ways out of 64-bit code at ring 0 and back: to ring 3 and to 32-bit code.

#include "testing/guests/lib/layout.h"

// uint64_t GuestEnterUser(function, argument, user_stack, flags, TaskState*)
// Runs the function at ring 3 until it returns or faults; gives what GuestLeaveUser is reached with in RAX. Interrupts
// of ring 3 push where the stack is now, which is therefore aligned as the processor would align it.
    .globl GuestEnterUser, GuestLeaveUser, guest_user_end
GuestEnterUser:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    movq %rsp, 4(%r8)  // the stack of ring 0
    movq %rdi, %rax
    movq %rsi, %rdi
    pushq $USER_DATA
    pushq %rdx
    pushq %rcx
    pushq $USER_CODE64
    pushq $user_start
    iretq
user_start:
    call *%rax
guest_user_end:
    ud2
GuestLeaveUser:
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

// void GuestCall32(struct Registers32*, uint32_t function)
// Calls a 32-bit function at ring 0 with these registers and keeps those that it leaves, carry included.
    .globl GuestCall32
GuestCall32:
    pushq %rbx
    pushq %rbp
    pushq %rdi
    movl %esi, %ebp
    movl 0(%rdi), %eax
    movl 4(%rdi), %ebx
    movl 8(%rdi), %ecx
    movl 12(%rdi), %edx
    movl 16(%rdi), %esi
    movl 20(%rdi), %edi
    pushq $CODE32
    pushq $in_32_bit_code
    lretq
    .code32
in_32_bit_code:
    clc
    call *%ebp
    ljmp $CODE64, $back_in_64_bit_code
    .code64
back_in_64_bit_code:
    popq %rbp
    movl %eax, 0(%rbp)
    setc %al
    movzbl %al, %eax
    movl %eax, 24(%rbp)
    movl %ebx, 4(%rbp)
    movl %ecx, 8(%rbp)
    movl %edx, 12(%rbp)
    movl %esi, 16(%rbp)
    movl %edi, 20(%rbp)
    popq %rbp
    popq %rbx
    ret

    .section .note.GNU-stack, "", @progbits
