// Raw bytes for --kernel-format=flat: entered at their first byte in 16-bit real mode, CS:IP 0x1000:0. Prints, checks
// that it is there, and ends with the value 0, or 1 if it is elsewhere.

    .text
    .code16
    .globl _start
_start:
    cli
    movw %cs, %ax
    movw %ax, %ds
    xorl %ebx, %ebx
    cmpw $0x1000, %ax
    je 1f
    incl %ebx
1:  movl %cr0, %eax
    andl $1, %eax
    addl %eax, %ebx
    movw $message, %si
2:  movw $0x3fd, %dx
3:  inb %dx, %al
    testb $0x20, %al
    jz 3b
    lodsb
    testb %al, %al
    jz 4f
    movw $0x3f8, %dx
    outb %al, %dx
    jmp 2b
4:  movl %ebx, %eax
    movw $0xf4, %dx
    outl %eax, %dx
5:  cli
    hlt
    jmp 5b
message:
    .asciz "real mode\n"
    .section .note.GNU-stack, "", @progbits
