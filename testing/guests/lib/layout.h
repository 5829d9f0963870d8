// Sizes and addresses that the guests' C++ and assembly share.

#ifndef HVKIT_TESTING_GUESTS_LIB_LAYOUT_H_
#define HVKIT_TESTING_GUESTS_LIB_LAYOUT_H_

#define AP_TRAMPOLINE 0x8000  // page-aligned, below 1 MiB, free by the VMM's promise
#define MAX_CPUS 16
#define BOOT_STACK_SIZE 0x8000
#define AP_STACK_SIZE 0x4000
#define INTERRUPT_STUB_SIZE 16

#endif  // HVKIT_TESTING_GUESTS_LIB_LAYOUT_H_
