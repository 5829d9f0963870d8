#include "vcpu/hyperv_kvm/hypercall_port.h"

#include "hyperv/hypercall/x64_registers.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vcpu {
namespace {

using hyperv::CallerMode;
using hyperv::Gpa;
using hyperv::Gpn;
using Kind = hyperv::HypercallOutcome::Kind;

constexpr uint8_t kNop = 0x90;
constexpr uint8_t kOutImm8Al = 0xE6;
constexpr uint8_t kRet = 0xC3;
constexpr uint64_t kOutOffset = 1;
constexpr uint64_t kRetOffset = 3;

constexpr uint8_t kInvalidOpcodeVector = 6;

hyperv::GeneralRegisters Read(const kvm_regs& regs) {
  return {.rax = regs.rax,
          .rbx = regs.rbx,
          .rcx = regs.rcx,
          .rdx = regs.rdx,
          .rsi = regs.rsi,
          .rdi = regs.rdi,
          .r8 = regs.r8};
}

void Write(const hyperv::GeneralRegisters& from, kvm_regs& regs) {
  regs.rax = from.rax;
  regs.rbx = from.rbx;
  regs.rcx = from.rcx;
  regs.rdx = from.rdx;
  regs.rsi = from.rsi;
  regs.rdi = from.rdi;
  regs.r8 = from.r8;
}

}  // namespace

hyperv::HypercallCode HypercallPageCode(uint8_t port) {
  return {.bytes = {kNop, kOutImm8Al, port, kRet}, .size = 4};
}

HypercallPort::HypercallPort(hyperv::VpIndex vp, KvmRunner& runner, uint64_t sync_sets,
                             const hyperv::HypercallPage& page,
                             const hyperv::Dispatcher& dispatcher)
    : vp_(vp),
      runner_(runner),
      page_(page),
      dispatcher_(dispatcher),
      registers_(runner.vcpu(), sync_sets),
      xmm_(runner.vcpu()) {}

absl::StatusOr<PortClaim> HypercallPort::OnOut() {
  HVKIT_RETURN_IF_ERROR(registers_.Load());
  const uint64_t linear = registers_.LinearRip();
  const uint64_t offset = Gpa(linear).PageOffset();
  if (offset != kOutOffset && offset != kRetOffset) return PortClaim::kOrdinary;
  HVKIT_ASSIGN_OR_RETURN(const bool in_page, IsInPage(linear - offset));
  if (!in_page) return PortClaim::kOrdinary;
  HVKIT_RETURN_IF_ERROR(Call(offset));
  return PortClaim::kTaken;
}

absl::StatusOr<bool> HypercallPort::IsInPage(uint64_t linear_page) {
  const std::optional<Gpn> page = page_.page();
  if (!page.has_value()) return false;
  const bool kernel = registers_.Cpl() == 0;
  if (kernel && linear_page == known_linear_ && page == known_page_) [[likely]] {
    return true;
  }
  HVKIT_ASSIGN_OR_RETURN(const kvm_translation translation, runner_.vcpu().Translate(linear_page));
  if (translation.valid == 0 || Gpa(translation.physical_address).Page() != *page) return false;
  if (kernel) {
    known_linear_ = linear_page;
    known_page_ = page;
  }
  return true;
}

CallerMode HypercallPort::Mode() const {
  if (registers_.Cpl() != 0 || !registers_.IsProtectedMode()) return CallerMode::kIllegal;
  return registers_.Is64Bit() ? CallerMode::k64Bit : CallerMode::k32Bit;
}

absl::Status HypercallPort::Call(uint64_t offset) {
  kvm_regs& regs = registers_.general();
  const uint64_t page_rip = registers_.InstructionPointer(regs.rip - offset);
  hyperv::GeneralRegisters general = Read(regs);
  hyperv::HypercallWords words = hyperv::ReadHypercall(Mode(), general);
  const hyperv::HypercallOutcome outcome = dispatcher_.Dispatch(vp_, words, xmm_);
  HVKIT_RETURN_IF_ERROR(xmm_.TakeError());
  if (outcome.kind == Kind::kInvalidOpcode) {
    return RaiseInvalidOpcode(registers_.InstructionPointer(page_rip + kOutOffset));
  }
  hyperv::WriteHypercall(words, outcome, general);
  Write(general, regs);
  if (outcome.kind == Kind::kRetry) regs.rip = page_rip;
  return registers_.Store();
}

absl::Status HypercallPort::RaiseInvalidOpcode(uint64_t rip) {
  HVKIT_RETURN_IF_ERROR(runner_.CompletePendingExit());
  HVKIT_RETURN_IF_ERROR(registers_.Load());
  registers_.general().rip = rip;
  HVKIT_RETURN_IF_ERROR(registers_.StoreNow());
  HVKIT_ASSIGN_OR_RETURN(kvm_vcpu_events events, runner_.vcpu().GetVcpuEvents());
  events.flags = 0;  // not what other VPs may be changing just now: pending NMIs and INITs
  events.exception = {};
  events.exception.injected = 1;
  events.exception.nr = kInvalidOpcodeVector;
  return runner_.vcpu().SetVcpuEvents(events);
}

}  // namespace hvkit::vcpu
