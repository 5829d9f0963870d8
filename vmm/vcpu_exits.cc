#include "vmm/vcpu_exits.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "hyperv/host/ids.h"
#include "kvm_ioctls/kvm_compat.h"
#include "vcpu/hyperv_kvm/kernel_backend.h"

namespace hvkit::vmm {
namespace {

using vcpu::ExitAction;

}  // namespace

ExitAction VcpuExits::Stop(Ending ending) {
  latch_.End(std::move(ending));
  return ExitAction::kStop;
}

ExitAction VcpuExits::OnMsr(kvm::MsrExit exit) {
  if (backend_ != nullptr) {
    backend_->OnMsr(hyperv::VpIndex(cpu_), runner_->vcpu(), exit);
  } else {
    exit.SetError();
  }
  return ExitAction::kContinue;
}

ExitAction VcpuExits::OnHyperv(kvm::HypervExit exit) {
  if (backend_ != nullptr) backend_->OnHyperv(hyperv::VpIndex(cpu_), exit);
  return ExitAction::kContinue;
}

ExitAction VcpuExits::OnKicked() {
  if (backend_ != nullptr) backend_->OnKicked(hyperv::VpIndex(cpu_));
  return ExitAction::kContinue;
}

ExitAction VcpuExits::OnSystemEvent(kvm::SystemEventExit exit) {
  switch (exit.type()) {
    case KVM_SYSTEM_EVENT_RESET:
      return Stop(WasReset{kResetByMsr});
    case KVM_SYSTEM_EVENT_SHUTDOWN:
      return Stop(PoweredOff{});
    case KVM_SYSTEM_EVENT_CRASH:
      return Stop(Crashed{{vcpu::ReadCrashParameters(runner_->vcpu()), std::nullopt}});
    default:
      return Stop(Failed{absl::InternalError(absl::StrFormat(
          "vCPU %d: KVM_EXIT_SYSTEM_EVENT of unknown type %d", cpu_, exit.type()))});
  }
}

ExitAction VcpuExits::OnShutdown() {
  return Stop(TripleFaulted{cpu_, DescribeRegisters(runner_->vcpu())});
}

ExitAction VcpuExits::OnOther(kvm::Exit exit) {
  return Stop(Failed{absl::InternalError(
      absl::StrFormat("vCPU %d: nothing handles %s", cpu_, exit.reason_name()))});
}

std::string DescribeRegisters(const kvm::Vcpu& vcpu) {
  const absl::StatusOr<kvm_regs> regs = vcpu.GetRegs();
  if (!regs.ok()) return std::string(regs.status().message());
  const absl::StatusOr<kvm_sregs> sregs = vcpu.GetSregs();
  if (!sregs.ok()) return std::string(sregs.status().message());
  std::string text = absl::StrFormat("  rip %016x  rflags %016x  cs %04x base %016x\n", regs->rip,
                                     regs->rflags, sregs->cs.selector, sregs->cs.base);
  absl::StrAppendFormat(&text, "  rax %016x  rbx %016x  rcx %016x  rdx %016x\n", regs->rax,
                        regs->rbx, regs->rcx, regs->rdx);
  absl::StrAppendFormat(&text, "  rsi %016x  rdi %016x  rsp %016x  rbp %016x\n", regs->rsi,
                        regs->rdi, regs->rsp, regs->rbp);
  absl::StrAppendFormat(&text, "  r8  %016x  r9  %016x  r10 %016x  r11 %016x\n", regs->r8, regs->r9,
                        regs->r10, regs->r11);
  absl::StrAppendFormat(&text, "  r12 %016x  r13 %016x  r14 %016x  r15 %016x\n", regs->r12,
                        regs->r13, regs->r14, regs->r15);
  absl::StrAppendFormat(&text, "  cr0 %016x  cr2 %016x  cr3 %016x  cr4 %016x  efer %x", sregs->cr0,
                        sregs->cr2, sregs->cr3, sregs->cr4, sregs->efer);
  return text;
}

}  // namespace hvkit::vmm
