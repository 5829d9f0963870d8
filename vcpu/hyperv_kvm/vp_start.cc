#include "vcpu/hyperv_kvm/vp_start.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "kvm_ioctls/status_macros.h"
#include "vcpu/x86_bits.h"

namespace hvkit::vcpu {
namespace {

using hyperv::tlfs::InitialVpContext;
using hyperv::tlfs::SegmentAttributes;
using hyperv::tlfs::SegmentRegister;
using hyperv::tlfs::TableRegister;

template <typename F>
uint8_t Bits(const SegmentAttributes& attributes) {
  return static_cast<uint8_t>(F::Get(attributes));
}

kvm_segment Segment(const SegmentRegister& from) {
  using A = SegmentAttributes;
  kvm_segment to{};
  to.base = from.base;
  to.limit = from.limit;
  to.selector = from.selector;
  to.type = Bits<A::Type>(from.attributes);
  to.present = Bits<A::Present>(from.attributes);
  to.dpl = Bits<A::Dpl>(from.attributes);
  to.db = Bits<A::Default>(from.attributes);
  to.s = Bits<A::NonSystem>(from.attributes);
  to.l = Bits<A::Long>(from.attributes);
  to.g = Bits<A::Granularity>(from.attributes);
  to.avl = Bits<A::Available>(from.attributes);
  to.unusable = to.present == 0;
  return to;
}

kvm_dtable Table(const TableRegister& from) {
  kvm_dtable to{};
  to.base = from.base;
  to.limit = from.limit;
  return to;
}

bool Waits(const kvm_mp_state& state) {
  return state.mp_state == KVM_MP_STATE_UNINITIALIZED ||
         state.mp_state == KVM_MP_STATE_INIT_RECEIVED;
}

}  // namespace

void SetSystemRegisters(const InitialVpContext& context, kvm_sregs& sregs) {
  sregs.cs = Segment(context.cs);
  sregs.ds = Segment(context.ds);
  sregs.es = Segment(context.es);
  sregs.fs = Segment(context.fs);
  sregs.gs = Segment(context.gs);
  sregs.ss = Segment(context.ss);
  sregs.tr = Segment(context.tr);
  sregs.ldt = Segment(context.ldtr);
  sregs.gdt = Table(context.gdtr);
  sregs.idt = Table(context.idtr);
  sregs.cr0 = context.cr0;
  sregs.cr3 = context.cr3;
  sregs.cr4 = context.cr4;
  sregs.efer = context.efer;
}

absl::Status StartVcpu(const kvm::Vcpu& vcpu, const InitialVpContext& context) {
  HVKIT_ASSIGN_OR_RETURN(const kvm_mp_state state, vcpu.GetMpState());
  if (!Waits(state)) {
    return absl::FailedPreconditionError(
        absl::StrCat("a vCPU in KVM_MP_STATE ", state.mp_state, " does not wait for its start"));
  }
  // KVM checks EFER's reserved bits here, and not among the system registers.
  HVKIT_RETURN_IF_ERROR(vcpu.SetMsr(x86::kMsrEfer, context.efer & ~x86::kEferLma));
  HVKIT_RETURN_IF_ERROR(vcpu.SetMsr(x86::kMsrPat, context.pat));
  HVKIT_ASSIGN_OR_RETURN(kvm_sregs sregs, vcpu.GetSregs());
  SetSystemRegisters(context, sregs);
  HVKIT_RETURN_IF_ERROR(vcpu.SetSregs(sregs));
  kvm_regs regs{};
  regs.rip = context.rip;
  regs.rsp = context.rsp;
  regs.rflags = context.rflags | x86::kRflagsFixed;
  HVKIT_RETURN_IF_ERROR(vcpu.SetRegs(regs));
  return vcpu.SetMpState({.mp_state = KVM_MP_STATE_RUNNABLE});
}

}  // namespace hvkit::vcpu
