// Entry of a freestanding guest, for each way that a VMM may enter it, and the same state after each: long mode, the
// lowest 4 GiB mapped one to one, a stack, no interrupts. Then GuestStart(magic, info), with what the loader left in
// EAX and EBX, or 0 and RSI in long mode. Also the entry of application processors and of interrupts.
//
// One of these is defined: GUEST_MULTIBOOT, GUEST_PVH, GUEST_ELF64.

#include "testing/guests/lib/layout.h"

#define CR0_PE_PG 0x80000001
#define CR4_PAE 0x20
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100

#ifdef GUEST_MULTIBOOT
    .section .multiboot, "a"
    .balign 4
    .long 0x1badb002, 0, -0x1badb002  // magic, flags, checksum
#endif

#ifdef GUEST_PVH
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18  // sizes of name and value; XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long guest_start
#endif

    .text
    .globl guest_start
#ifdef GUEST_ELF64
    .code64
guest_start:
    cli
    movl $boot_stack_end, %esp
    xorl %edi, %edi
    lgdt gdt_pointer
    movl $pml4, %eax
    movq %rax, %cr3
    pushq $CODE64
    pushq $start64
    lretq
#else
    .code32
guest_start:
    cli
    movl $boot_stack_end, %esp
    movl %eax, %edi
    movl %ebx, %esi
    lgdt gdt_pointer
    call enter_paging
    ljmp $CODE64, $start64
#endif

// Turns on long mode's paging, in 32-bit protected mode; the caller then jumps to 64-bit code. Changes EAX, ECX, EDX.
    .code32
enter_paging:
    movl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $pml4, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    wrmsr
    movl $CR0_PE_PG, %eax
    movl %eax, %cr0
    ret

    .code64
start64:
    movl $DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %ebp, %ebp
    call GuestStart
    ud2

// Copied to AP_TRAMPOLINE, where processors start in real mode with CS at its paragraph.
    .globl ap_trampoline, ap_trampoline_end
    .code16
ap_trampoline:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl AP_TRAMPOLINE + ap_gdt_pointer - ap_trampoline
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $CODE32, $ap_start32
ap_gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt
ap_trampoline_end:

    .code32
ap_start32:
    movl $DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $1, %ebx
    lock xaddl %ebx, ap_next_index
    // Its stack ends where that of the next index begins. Too many processors would overlap: the others stop.
    cmpl $MAX_CPUS, %ebx
    jae ap_stop
    movl %ebx, %esp
    incl %esp
    imull $AP_STACK_SIZE, %esp
    addl $ap_stacks, %esp
    call enter_paging
    ljmp $CODE64, $ap_start64
ap_stop:
    cli
    hlt
    jmp ap_stop

    .code64
ap_start64:
    movl $DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %ebx, %edi
    xorl %ebp, %ebp
    call GuestApStart
    ud2

// 256 interrupt entries, INTERRUPT_STUB_SIZE bytes each: an error code (0 where the processor pushes none), the vector.
    .globl interrupt_stubs
    .balign INTERRUPT_STUB_SIZE
interrupt_stubs:
    .set vector, 0
    .rept 256
    .balign INTERRUPT_STUB_SIZE
    .if (vector == 8) | ((vector >= 10) & (vector <= 14)) | (vector == 17) | (vector == 21) | (vector == 29) | (vector == 30)
    .else
    pushq $0
    .endif
    pushq $vector
    jmp interrupt_common
    .set vector, vector + 1
    .endr

// Saves what struct InterruptFrame names.
interrupt_common:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    call GuestInterrupt
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp
    iretq

    .data
    .balign 8
gdt:
    .quad 0
    .quad 0x00af9b000000ffff  // CODE64
    .quad 0x00cf93000000ffff  // DATA
    .quad 0x00cf9b000000ffff  // CODE32
    .quad 0x00cff3000000ffff  // USER_DATA
    .quad 0x00affb000000ffff  // USER_CODE64
    .globl tss_descriptors
tss_descriptors:
    .fill 2 * MAX_CPUS, 8, 0
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt
    .balign 4
    .globl ap_next_index
ap_next_index:
    .long 1

    .balign 4096
    .globl pdpt
pml4:
    .quad pdpt + 7  // present, writable, for ring 3 too
    .fill 511, 8, 0
pdpt:
    .quad pd + 7, pd + 4096 + 7, pd + 8192 + 7, pd + 12288 + 7
    .fill 508, 8, 0
pd:
    .set page, 0
    .rept 2048
    .quad page + 0x87  // present, writable, for ring 3 too, 2 MiB
    .set page, page + 0x200000
    .endr

    .bss
    .balign 16
    .skip BOOT_STACK_SIZE
boot_stack_end:
ap_stacks:
    .skip MAX_CPUS * AP_STACK_SIZE
    .section .note.GNU-stack, "", @progbits
