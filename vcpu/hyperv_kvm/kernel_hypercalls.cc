#include "vcpu/hyperv_kvm/kernel_hypercalls.h"

#include "hyperv/cpuid/cpuid_builder.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/host/hypercall_registers.h"
#include "hyperv/msr/cpuid_privileges.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::vcpu {
namespace {

using hyperv::HypercallOutcome;
using hyperv::HypercallWords;
using hyperv::tlfs::CallCode;
using hyperv::tlfs::HypercallControl;

hyperv::Privileges PrivilegesUnder(const hyperv::EnlightenmentSet& in_force) {
  if (!in_force.Has(hyperv::Enlightenment::kEnforceCpuid)) {
    return hyperv::Privileges::Unrestricted();
  }
  return hyperv::PrivilegesOf(hyperv::BuildCpuid(in_force, hyperv::CpuidFacts{}));
}

class NoXmmRegisters final : public hyperv::XmmRegisters {
 public:
  void Read(hyperv::XmmValues& values) override { values = {}; }
  void Write(const hyperv::XmmValues&) override {}
};

// KVM passes the words of both register conventions alike. It has loaded the input of
// HvCallSignalEvent, which then is what a fast call would have.
HypercallWords WordsOf(const kvm::HypervExit::Hcall& call) {
  HypercallControl control{call.input};
  if (static_cast<CallCode>(HypercallControl::Code::Get(control)) == CallCode::kSignalEvent) {
    HypercallControl::Fast::Set(control, 1);
  }
  return {.mode = hyperv::CallerMode::k64Bit,
          .control = control.raw,
          .parameters = {call.params[0], call.params[1]}};
}

}  // namespace

KernelHypercalls::KernelHypercalls(const hyperv::EnlightenmentSet& in_force,
                                   const hyperv::HypercallHost& host, hyperv::GuestMemory& memory)
    : calls_(host, {.vp_count = 1, .flush = {}, .partition_id = {}}),
      table_(PrivilegesUnder(in_force)),
      dispatcher_(table_, memory) {
  // An empty table takes all of them.
  if (!calls_.AddTo(table_)) __builtin_trap();
}

uint64_t KernelHypercalls::Complete(hyperv::VpIndex caller,
                                    const kvm::HypervExit::Hcall& call) const {
  HypercallWords words = WordsOf(call);
  NoXmmRegisters xmm;
  const HypercallOutcome outcome = dispatcher_.Dispatch(caller, words, xmm);
  if (outcome.kind == HypercallOutcome::Kind::kCompleted) return outcome.result;
  return static_cast<uint64_t>(hyperv::tlfs::HvStatus::kInvalidHypercallCode);
}

}  // namespace hvkit::vcpu
