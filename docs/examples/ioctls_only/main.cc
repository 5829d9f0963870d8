// A guest of ten instructions that prints a line, with @hvkit//kvm_ioctls alone.
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/status_macros.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vm.h"

namespace {

using hvkit::kvm::IoExit;
using hvkit::kvm::Kvm;
using hvkit::kvm::Vcpu;
using hvkit::kvm::Vm;

constexpr size_t kRamBytes = 0x10000;
constexpr uint16_t kSerialPort = 0x3f8;

// Real mode, at address 0.
constexpr uint8_t kGuest[] = {
    0xba, 0xf8, 0x03,  //       mov dx, 0x3f8
    0xbe, 0x0f, 0x00,  //       mov si, text
    0xac,              // next: lodsb
    0x84, 0xc0,        //       test al, al
    0x74, 0x03,        //       jz done
    0xee,              //       out dx, al
    0xeb, 0xf8,        //       jmp next
    0xf4,              // done: hlt
    'h',  'e',  'l',  'l', 'o', ' ', 'f', 'r', 'o',  'm',
    ' ',  'a',  ' ',  'g', 'u', 'e', 's', 't', '\n', 0,
};

absl::Status StartAtZero(Vcpu& vcpu) {
  HVKIT_ASSIGN_OR_RETURN(kvm_sregs sregs, vcpu.GetSregs());
  sregs.cs.base = 0;
  sregs.cs.selector = 0;
  HVKIT_RETURN_IF_ERROR(vcpu.SetSregs(sregs));
  kvm_regs regs{};
  regs.rflags = 2;
  return vcpu.SetRegs(regs);
}

// Runs until the guest halts.
absl::Status Serve(Vcpu& vcpu) {
  while (true) {
    const hvkit::kvm::Errno error = vcpu.Run();
    if (!error.ok()) return absl::InternalError(std::strerror(error.value()));
    if (vcpu.exit().reason() == KVM_EXIT_HLT) return absl::OkStatus();
    if (vcpu.exit().reason() != KVM_EXIT_IO) return absl::InternalError(vcpu.exit().reason_name());
    const IoExit io = vcpu.exit().io();
    if (!io.is_write() || io.port() != kSerialPort) return absl::InternalError("another port");
    for (const std::byte byte : io.data()) std::putchar(std::to_integer<int>(byte));
  }
}

absl::Status RunGuest() {
  void* const ram =
      mmap(nullptr, kRamBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (ram == MAP_FAILED) return absl::ResourceExhaustedError("mmap");
  std::memcpy(ram, kGuest, sizeof(kGuest));
  HVKIT_ASSIGN_OR_RETURN(const Kvm kvm, Kvm::Open());
  HVKIT_ASSIGN_OR_RETURN(const Vm vm, kvm.CreateVm());
  HVKIT_RETURN_IF_ERROR(vm.SetUserMemoryRegion(
      {.memory_size = kRamBytes, .userspace_addr = reinterpret_cast<uintptr_t>(ram)}));
  HVKIT_ASSIGN_OR_RETURN(Vcpu vcpu, vm.CreateVcpu(0));
  HVKIT_RETURN_IF_ERROR(StartAtZero(vcpu));
  return Serve(vcpu);
}

}  // namespace

int main() {
  const absl::Status status = RunGuest();
  if (status.ok()) return 0;
  std::fprintf(stderr, "hello: %s\n", status.ToString().c_str());
  return 1;
}
