// The guest: enables SynIC and a periodic timer, takes three messages, reads the clock, uses the
// private MSR and the private hypercall. Prints a character for each thing that works.
#include "guest.h"

#define GUEST_OS_ID 0x40000000
#define HYPERCALL 0x40000001
#define TIME_REF_COUNT 0x40000020
#define SCONTROL 0x40000080
#define SIMP 0x40000083
#define EOM 0x40000084
#define SINT2 0x40000092
#define STIMER0_CONFIG 0x400000b0
#define STIMER0_COUNT 0x400000b1

#define VECTOR 0x50
#define HYPERCALL_PAGE 0x20000
#define MESSAGE_PAGE 0x21000
#define IDT 0x22000
#define SLOT (MESSAGE_PAGE + 2 * 256)  // Of SINT 2
#define TIMER_EXPIRED 0x80000010
#define PERIODIC_AUTO_ENABLED_SINT2 0x2000a
#define TEN_MS 100000

#define AT(label) (GUEST_BASE + label - toy_guest)

.macro write_msr index, low, high = 0
  movl $\index, %ecx
  movl $\low, %eax
  movl $\high, %edx
  wrmsr
.endm

.macro print character
  movb $\character, %al
  outb %al, $TEXT_PORT
.endm

.section .rodata
.code32
.balign 16
.globl toy_guest, toy_guest_end
toy_guest:
  lgdt AT(gdt_pointer)
  movl $AT(on_message), %eax
  movw %ax, IDT + VECTOR * 8
  movw $8, IDT + VECTOR * 8 + 2
  movw $0x8e00, IDT + VECTOR * 8 + 4
  shrl $16, %eax
  movw %ax, IDT + VECTOR * 8 + 6
  lidt AT(idt_pointer)

  write_msr GUEST_OS_ID, 1, 0x81000000
  write_msr HYPERCALL, HYPERCALL_PAGE + 1
  write_msr SCONTROL, 1
  write_msr SIMP, MESSAGE_PAGE + 1
  write_msr SINT2, VECTOR
  write_msr STIMER0_CONFIG, PERIODIC_AUTO_ENABLED_SINT2
  write_msr STIMER0_COUNT, TEN_MS
  xorl %esi, %esi
wait:
  sti
  hlt
  cli
  cmpl $3, %esi
  jb wait
  write_msr STIMER0_CONFIG, 0

  movl $TIME_REF_COUNT, %ecx  // Three periods of 10 ms have passed at least
  rdmsr
  cmpl $3 * TEN_MS, %eax
  jb fail
  print 'c'

  write_msr PRIVATE_MSR, 0x1234
  rdmsr
  cmpl $0x1234, %eax
  jne fail
  print 'm'

  movl $PRIVATE_CALL + 0x10000, %eax  // Fast: the input is in EBX:ECX
  xorl %edx, %edx
  xorl %ebx, %ebx
  movl $PRIVATE_NUMBER, %ecx
  movl $HYPERCALL_PAGE, %ebp
  call *%ebp
  testl %eax, %eax
  jnz fail
  print 'h'
  print '\n'
  movb $0, %al
  outb %al, $EXIT_PORT
fail:
  movb $1, %al
  outb %al, $EXIT_PORT

on_message:
  pushal
  cmpl $TIMER_EXPIRED, SLOT
  jne fail
  movl $0, SLOT  // Frees it
  lock orl $0, (%esp)
  write_msr EOM, 0
  print 't'
  popal
  incl %esi
  iretl

.balign 8
gdt:
  .quad 0
  .quad 0x00cf9b000000ffff  // 8: flat code
  .quad 0x00cf93000000ffff  // 16: flat data
gdt_pointer:
  .word gdt_pointer - gdt - 1
  .long AT(gdt)
idt_pointer:
  .word 256 * 8 - 1
  .long IDT
toy_guest_end:

.section .note.GNU-stack, "", @progbits
