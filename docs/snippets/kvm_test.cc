// Snippets of docs/packages/kvm_ioctls.md and vcpu.md, on real KVM.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "kvm_ioctls/exit.h"
#include "kvm_ioctls/kvm.h"
#include "kvm_ioctls/status_macros.h"
#include "kvm_ioctls/vcpu.h"
#include "kvm_ioctls/vm.h"
#include "vcpu/guest_memory.h"
#include "vcpu/x86_boot.h"

namespace hvkit {
namespace {

// snippet: serve
// Runs a vCPU until it halts; returns the bytes that it wrote to ports.
absl::StatusOr<std::string> Serve(kvm::Vcpu& vcpu) {
  std::string written;
  while (true) {
    const kvm::Errno error = vcpu.Run();
    if (!error.ok()) return absl::InternalError(std::strerror(error.value()));
    switch (vcpu.exit().reason()) {
      case KVM_EXIT_IO:
        for (const std::byte byte : vcpu.exit().io().data()) {
          written += std::to_integer<char>(byte);
        }
        break;
      case KVM_EXIT_HLT:
        return written;
      default:
        return absl::InternalError(vcpu.exit().reason_name());
    }
  }
}
// end

// snippet: boot
// Loads 32-bit code at 4096 and runs it. The VM must be gone before its memory is.
absl::StatusOr<std::string> RunCode(std::span<const std::byte> code) {
  const hyperv::Gpa entry(0x1000);
  HVKIT_ASSIGN_OR_RETURN(const std::unique_ptr<vcpu::GuestMemory> memory,
                         vcpu::GuestMemory::Create(vcpu::GuestMemory::kMinSize));
  if (memory->Write(entry, code) != hyperv::MemFault::kNone) {
    return absl::InvalidArgumentError("the code does not fit");
  }
  HVKIT_ASSIGN_OR_RETURN(const kvm::Kvm kvm, kvm::Kvm::Open());
  HVKIT_ASSIGN_OR_RETURN(const kvm::Vm vm, kvm.CreateVm());
  HVKIT_RETURN_IF_ERROR(memory->RegisterWith(vm));
  HVKIT_ASSIGN_OR_RETURN(kvm::Vcpu vcpu, vm.CreateVcpu(0));
  HVKIT_RETURN_IF_ERROR(vcpu::SetProtected32(vcpu, {.eip = 0x1000}));
  return Serve(vcpu);
}
// end

TEST(KvmPages, RunCode) {
  // mov al, 'h'; out 0x80, al; hlt
  constexpr std::array<unsigned char, 5> kCode = {0xB0, 'h', 0xE6, 0x80, 0xF4};
  const absl::StatusOr<std::string> written = RunCode(std::as_bytes(std::span(kCode)));
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(*written, "h");
}

}  // namespace
}  // namespace hvkit
