// Sizes and addresses that the guests' C++ and assembly share.

#ifndef HVKIT_TESTING_GUESTS_LIB_LAYOUT_H_
#define HVKIT_TESTING_GUESTS_LIB_LAYOUT_H_

#define AP_TRAMPOLINE 0x8000  // page-aligned, below 1 MiB, free by the VMM's promise
#define MAX_CPUS 16
#define BOOT_STACK_SIZE 0x8000
#define AP_STACK_SIZE 0x4000
#define INTERRUPT_STUB_SIZE 16

// Selectors.
#define CODE64 0x08
#define DATA 0x10
#define CODE32 0x18
#define USER_DATA 0x23
#define USER_CODE64 0x2b
#define FIRST_TSS 0x30  // 16 bytes for each processor

#endif  // HVKIT_TESTING_GUESTS_LIB_LAYOUT_H_
