// The state in which a vCPU begins: 16-bit real mode, 32-bit protected mode with paging off
// (multiboot, PVH) or 64-bit long mode (bzImage and ELF64 entry points), and the local APIC's pins
// as firmware leaves them. Sources: Intel SDM volume 3 "Initializing" and 11.5 (local vector
// table); Multiboot 0.6.96 section 3.2; the kernel's x86 boot protocol (64-bit) and Xen's PVH
// start_info document.
//
// Loading the image and the tables it is given (boot_params, multiboot info, start_info) is the
// loader's.
#ifndef HVKIT_VCPU_X86_BOOT_H_
#define HVKIT_VCPU_X86_BOOT_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "kvm_ioctls/vcpu.h"

namespace hvkit::vcpu {

// 16-bit real mode at cs:ip; DS, ES, SS, FS and GS have the same base as CS, SP is 0.
struct RealModeEntry {
  uint16_t cs = 0;
  uint16_t ip = 0;
};
// Before the vCPU has run. Errors are those of KVM's ioctls.
[[nodiscard]] absl::Status SetRealMode(kvm::Vcpu& vcpu, const RealModeEntry& entry);

// 32-bit protected mode, paging and interrupts off, flat 4 GiB segments that live in the segment
// registers only: the program loads a GDT of its own before it reloads a selector.
struct Protected32Entry {
  uint32_t eip = 0;
  uint32_t eax = 0;
  uint32_t ebx = 0;
  uint32_t esi = 0;
};
// As SetRealMode.
[[nodiscard]] absl::Status SetProtected32(kvm::Vcpu& vcpu, const Protected32Entry& entry);

// What long mode needs in RAM: a GDT (code at selector 0x10, data at 0x18, as Linux's boot protocol
// wants) and page tables that map the first 4 GiB to themselves with 2 MiB pages. `tables` is
// page-aligned with kLongModeTablesSize bytes of RAM below 4 GiB; the guest uses them until it has
// its own.
inline constexpr size_t kLongModeTablesSize = 7 * hyperv::kPageSize;
[[nodiscard]] absl::Status WriteLongModeTables(hyperv::GuestMemory& memory, hyperv::Gpa tables);

// 64-bit mode with interrupts off, over the tables that WriteLongModeTables put at `tables`.
struct LongModeEntry {
  uint64_t rip = 0;
  uint64_t rsp = 0;
  uint64_t rsi = 0;
  hyperv::Gpa tables{0};
};
// As SetRealMode.
[[nodiscard]] absl::Status SetLongMode(kvm::Vcpu& vcpu, const LongModeEntry& entry);

// LINT0 takes the 8259's interrupts (ExtINT), LINT1 is NMI: what a PC's firmware sets on the boot
// processor. Needs the in-kernel local APIC.
[[nodiscard]] absl::Status SetLocalApicPins(kvm::Vcpu& vcpu);

// An application processor: waits in KVM_RUN for INIT and SIPI. Needs the in-kernel local APIC.
[[nodiscard]] absl::Status SetWaitForSipi(kvm::Vcpu& vcpu);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_X86_BOOT_H_
