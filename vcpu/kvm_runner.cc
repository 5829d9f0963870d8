#include "vcpu/kvm_runner.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kvm_ioctls/exit.h"
#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::vcpu {
namespace {

RunOutcome ToOutcome(ExitAction action) {
  return action == ExitAction::kContinue ? RunOutcome::kHandled : RunOutcome::kStopped;
}

std::string HexWords(std::span<const __u64> words) {
  std::string text;
  for (const __u64 word : words) absl::StrAppend(&text, " 0x", absl::Hex(word));
  return text;
}

std::string HexBytes(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    absl::StrAppend(&text, " ", absl::Hex(std::to_integer<unsigned>(byte), absl::kZeroPad2));
  }
  return text;
}

const char* SuberrorName(uint32_t suberror) {
  switch (suberror) {
    case KVM_INTERNAL_ERROR_EMULATION:
      return "instruction emulation failed";
    case KVM_INTERNAL_ERROR_SIMUL_EX:
      return "simultaneous exceptions";
    case KVM_INTERNAL_ERROR_DELIVERY_EV:
      return "exit during event delivery";
    case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
      return "unexpected hardware exit reason";
    default:
      return "unknown suberror";
  }
}

absl::Status InternalErrorStatus(uint32_t id, kvm::Exit exit) {
  std::string text =
      absl::StrCat("KVM_EXIT_INTERNAL_ERROR on vCPU ", id, ": suberror ", exit.internal_suberror(),
                   " (", SuberrorName(exit.internal_suberror()), ")");
  if (!exit.internal_data().empty()) {
    absl::StrAppend(&text, ", data", HexWords(exit.internal_data()));
  }
  if (exit.internal_suberror() == KVM_INTERNAL_ERROR_EMULATION) {
    absl::StrAppend(&text, ", instruction", HexBytes(exit.emulation_failure_bytes()));
  }
  return absl::InternalError(text);
}

absl::Status FailEntryStatus(uint32_t id, kvm::Exit exit) {
  return absl::InternalError(
      absl::StrCat("KVM_EXIT_FAIL_ENTRY on vCPU ", id, ": hardware reason 0x",
                   absl::Hex(exit.fail_entry().hardware_entry_failure_reason), " on CPU ",
                   exit.fail_entry().cpu));
}

absl::Status UnknownExitStatus(uint32_t id, kvm::Exit exit) {
  return absl::InternalError(absl::StrCat("KVM_EXIT_UNKNOWN on vCPU ", id, ": hardware reason 0x",
                                          absl::Hex(exit.hardware_exit_reason())));
}

}  // namespace

KvmRunner::KvmRunner(uint32_t id, kvm::Vcpu vcpu, Targets targets)
    : id_(id), vcpu_(std::move(vcpu)), targets_(targets) {}

void KvmRunner::SetHooks(RunHooks& hooks, EntryGate& gate, uint16_t port) {
  hooks_ = &hooks;
  gate_ = &gate;
  hooked_port_ = port;
}

RunOutcome KvmRunner::Run() {
  if (gate_ != nullptr && !PassGate()) [[unlikely]] {
    return RunOutcome::kFailed;
  }
  const kvm::Errno error = vcpu_.Run();
  if (gate_ != nullptr) gate_->Leave();
  if (!error.ok()) [[unlikely]] {
    return OnRunError(error);
  }
  return Dispatch(vcpu_.exit());
}

bool KvmRunner::PassGate() {
  while (!gate_->TryEnter()) {
    error_ = hooks_->BeforeEntry();
    if (!error_.ok()) return false;
  }
  return true;
}

RunOutcome KvmRunner::OnRunError(kvm::Errno error) {
  switch (error.value()) {
    case EINTR:
      return RunOutcome::kInterrupted;
    case EAGAIN:  // INIT or SIPI arrived: the vCPU may run now
      return RunOutcome::kHandled;
    default:
      return Fail(kvm::ErrnoToStatus(error, absl::StrCat("KVM_RUN of vCPU ", id_, ", last exit ",
                                                         vcpu_.exit().reason_name())));
  }
}

RunOutcome KvmRunner::Dispatch(kvm::Exit exit) {
  const uint32_t reason = exit.reason();
  ++exit_counts_[std::min<size_t>(reason, kExitReasons - 1)];
  if (reason == KVM_EXIT_IO) return DispatchIo(exit.io());
  if (reason == KVM_EXIT_X86_RDMSR || reason == KVM_EXIT_X86_WRMSR) {
    return ToOutcome(targets_.handlers.OnMsr(exit.msr()));
  }
  if (reason == KVM_EXIT_MMIO) return DispatchMmio(exit.mmio());
  return DispatchRare(exit);
}

RunOutcome KvmRunner::DispatchRare(kvm::Exit exit) {
  switch (exit.reason()) {
    case KVM_EXIT_HYPERV:
      return ToOutcome(targets_.handlers.OnHyperv(exit.hyperv()));
    case KVM_EXIT_HLT:
      return RunOutcome::kHalted;
    case KVM_EXIT_INTR:
      return RunOutcome::kInterrupted;
    case KVM_EXIT_SYSTEM_EVENT:
      return ToOutcome(targets_.handlers.OnSystemEvent(exit.system_event()));
    case KVM_EXIT_SHUTDOWN:
      return ToOutcome(targets_.handlers.OnShutdown());
    case KVM_EXIT_FAIL_ENTRY:
      return Fail(FailEntryStatus(id_, exit));
    case KVM_EXIT_INTERNAL_ERROR:
      return Fail(InternalErrorStatus(id_, exit));
    case KVM_EXIT_UNKNOWN:
      return Fail(UnknownExitStatus(id_, exit));
    default:
      return ToOutcome(targets_.handlers.OnOther(exit));
  }
}

RunOutcome KvmRunner::DispatchIo(kvm::IoExit exit) {
  const bool hooked = hooks_ != nullptr && exit.port() == hooked_port_;
  return hooked ? DispatchHookedPort(exit) : TransferIo(exit);
}

RunOutcome KvmRunner::DispatchHookedPort(kvm::IoExit exit) {
  if (!exit.is_write() || exit.data().size() != 1) return TransferIo(exit);
  absl::StatusOr<PortClaim> claim = hooks_->OnHookedPort();
  if (!claim.ok()) return Fail(std::move(claim).status());
  return *claim == PortClaim::kTaken ? RunOutcome::kHandled : TransferIo(exit);
}

RunOutcome KvmRunner::TransferIo(kvm::IoExit exit) {
  std::span<std::byte> data = exit.data();
  const size_t size = exit.size();
  for (; size != 0 && data.size() >= size; data = data.subspan(size)) {
    if (exit.is_write()) {
      targets_.ports.Write(exit.port(), data.first(size));
    } else {
      targets_.ports.Read(exit.port(), data.first(size));
    }
  }
  return RunOutcome::kHandled;
}

RunOutcome KvmRunner::DispatchMmio(kvm::MmioExit exit) {
  if (exit.is_write()) {
    targets_.mmio.Write(exit.address(), exit.data());
  } else {
    targets_.mmio.Read(exit.address(), exit.data());
  }
  return RunOutcome::kHandled;
}

RunOutcome KvmRunner::Fail(absl::Status error) {
  error_ = std::move(error);
  return RunOutcome::kFailed;
}

// The flag's exchanges order the two writers of immediate_exit: either the acknowledging thread
// sees who asked, or the asker's 1 comes after its 0.
void KvmRunner::Interrupt() {
  interrupt_requested_.exchange(1, std::memory_order_seq_cst);
  vcpu_.SetImmediateExit(true);
}

void KvmRunner::AcknowledgeInterrupt() {
  vcpu_.SetImmediateExit(false);
  interrupt_requested_.exchange(0, std::memory_order_seq_cst);
}

RunOutcome KvmRunner::OnKicked() { return ToOutcome(targets_.handlers.OnKicked()); }

absl::Status KvmRunner::CompletePendingExit() {
  vcpu_.SetImmediateExit(true);
  RunOutcome outcome;
  do {
    outcome = Run();
  } while (outcome == RunOutcome::kHandled);
  vcpu_.SetImmediateExit(false);
  if (interrupt_requested_.fetch_or(0, std::memory_order_seq_cst) != 0) {
    vcpu_.SetImmediateExit(true);
  }
  if (outcome == RunOutcome::kInterrupted) return absl::OkStatus();
  if (outcome == RunOutcome::kFailed) return TakeError();
  return absl::InternalError(
      absl::StrCat("completing an exit of vCPU ", id_, " ended in ", vcpu_.exit().reason_name()));
}

absl::Status KvmRunner::TakeError() { return std::move(error_); }

}  // namespace hvkit::vcpu
