#include "vcpu/hyperv_kvm/exit_scenarios.h"

#include <array>
#include <cstdint>

#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/msr.h"
#include "kvm_ioctls/kvm_compat.h"
#include "vcpu/hyperv_kvm/raw_exit_loops.h"

namespace hvkit::vcpu {
namespace {

using hyperv::tlfs::CallCode;
using hyperv::tlfs::MsrIndex;

using Instruction = std::array<uint8_t, 2>;
constexpr Instruction kOutAlToQuietPort = {0xE6, kQuietPort};
constexpr Instruction kMovEaxToRbx = {0x89, 0x03};
constexpr Instruction kRdmsr = {0x0F, 0x32};
constexpr Instruction kWrmsr = {0x0F, 0x30};
constexpr Instruction kCallRsi = {0xFF, 0xD6};
constexpr Instruction kNothing = {};

constexpr uint64_t kFast = hyperv::tlfs::HypercallControl::Fast::kMask;
constexpr uint64_t kUnknownCode = 0x4321;
constexpr uint64_t kSignalEvent = static_cast<uint64_t>(CallCode::kSignalEvent);

constexpr uint64_t Index(MsrIndex msr) { return static_cast<uint64_t>(msr); }

// What a call comes with: its arguments, and whether it is made by the kernel and in 64-bit code. A
// raw loop with the first alone does less than it has to.
constexpr uint64_t kCallersRegisters = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;

constexpr ExitScenario InvalidCode(const char* name, uint64_t raw_sync_sets) {
  return {kCallRsi,     {.rcx = kUnknownCode | kFast, .rsi = kCallPage},
          name,         Hooks::kUserBackend,
          RawPortCalls, raw_sync_sets};
}
constexpr ExitScenario SignalEvent(const char* name, uint64_t raw_sync_sets) {
  return {kCallRsi,     {.rcx = kSignalEvent | kFast, .rdx = kEventConnection, .rsi = kCallPage},
          name,         Hooks::kUserBackend,
          RawPortCalls, raw_sync_sets};
}

constexpr ExitScenario kScenarios[] = {
    {kOutAlToQuietPort, {}, "io_out", Hooks::kNone, RawPortWrites},
    {kRdmsr, {.rcx = kForeignMsr}, "rdmsr", Hooks::kNone, RawMsrReads},
    {.instruction = kRdmsr,
     .registers = {.rcx = kForeignMsr},
     .name = "RDMSR exit + KVM_GET_REGS",
     .raw = RawMsrReadsWithGetRegs,
     .registers_from = RegisterSource::kGetRegs},
    {.instruction = kRdmsr,
     .registers = {.rcx = kForeignMsr},
     .name = "RDMSR exit with sync_regs REGS",
     .raw = RawMsrReadsWithSyncRegs,
     .raw_sync_sets = KVM_SYNC_X86_REGS,
     .registers_from = RegisterSource::kSyncRegs},
    {kWrmsr, {.rcx = kForeignMsr}, "wrmsr", Hooks::kNone, RawMsrWrites},
    {kMovEaxToRbx, {.rbx = kQuietMmio}, "mmio_write", Hooks::kNone, RawMmioWrites},
    {kNothing, {}, "KVM_RUN immediate_exit", Hooks::kNone, RawImmediateExits},
    {kOutAlToQuietPort, {}, "user_io_out", Hooks::kUserBackend, RawPortWrites},
    {kRdmsr,
     {.rcx = Index(MsrIndex::kVpIndex)},
     "user_msr_read_vp_index",
     Hooks::kUserBackend,
     RawMsrReads},
    {kRdmsr,
     {.rcx = Index(MsrIndex::kTimeRefCount)},
     "user_msr_read_time_ref_count",
     Hooks::kUserBackend,
     RawMsrReads},
    {kWrmsr,
     {.rax = 1, .rcx = Index(MsrIndex::kGuestOsId)},
     "user_msr_write_guest_os_id",
     Hooks::kUserBackend,
     RawMsrWrites},
    InvalidCode("user_hc_invalid_code_fast", kCallersRegisters),
    SignalEvent("user_hc_signal_event_fast", kCallersRegisters),
    InvalidCode("user_hc_invalid_code_fast:regs_only", KVM_SYNC_X86_REGS),
    SignalEvent("user_hc_signal_event_fast:regs_only", KVM_SYNC_X86_REGS),
};

}  // namespace

std::span<const ExitScenario> ExitScenarios() { return kScenarios; }

}  // namespace hvkit::vcpu
