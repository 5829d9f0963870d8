// What the toy VMM and its guest (guest.S) agree upon; included by both.
#ifndef GUEST_H_
#define GUEST_H_

#define GUEST_BASE 0x10000  // Where the image is loaded and entered, in 32-bit protected mode
#define GUEST_STACK 0x9000
#define TEXT_PORT 0xe9          // Characters to print
#define EXIT_PORT 0xf4          // Ends the VM; the byte is its exit status
#define HYPERCALL_PORT 0x7c     // What the hypercall page's OUT writes to
#define PRIVATE_MSR 0x400002f0  // Of this VMM alone: read and write
#define PRIVATE_CALL 0xf001     // Of this VMM alone: takes a number
#define PRIVATE_NUMBER 42

#ifndef __ASSEMBLER__
extern "C" const unsigned char toy_guest[];
extern "C" const unsigned char toy_guest_end[];
#endif

#endif  // GUEST_H_
