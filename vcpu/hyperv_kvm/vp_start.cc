#include "vcpu/hyperv_kvm/vp_start.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vcpu {
namespace {

using hyperv::tlfs::InitialVpContext;
using hyperv::tlfs::SegmentAttributes;
using hyperv::tlfs::SegmentRegister;
using hyperv::tlfs::TableRegister;

constexpr uint64_t kCr0Pe = uint64_t{1} << 0;
constexpr uint64_t kCr0Nw = uint64_t{1} << 29;
constexpr uint64_t kCr0Cd = uint64_t{1} << 30;
constexpr uint64_t kCr0Pg = uint64_t{1} << 31;
constexpr uint64_t kCr4Pae = uint64_t{1} << 5;
constexpr uint64_t kEferLme = uint64_t{1} << 8;
constexpr uint64_t kEferLma = uint64_t{1} << 10;
constexpr uint64_t kCr4La57 = uint64_t{1} << 12;
constexpr uint64_t kRflagsFixed = uint64_t{1} << 1;
constexpr uint64_t kRflagsVm86 = uint64_t{1} << 17;
constexpr uint64_t kRflagsDefined = 0x3F7FD7;
constexpr uint32_t kMsrPat = 0x277;

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

bool HasPossibleFlags(const InitialVpContext& context, bool long_mode) {
  if ((context.rflags & ~kRflagsDefined) != 0) return false;
  if ((context.rflags & kRflagsVm86) == 0) return true;
  return !long_mode && (context.cr0 & kCr0Pe) != 0;
}

// In 64-bit code the address is canonical.
bool HasPossibleRip(const InitialVpContext& context, bool long_mode) {
  using A = SegmentAttributes;
  if (!long_mode || A::Long::Get(context.cs.attributes) == 0) return context.rip >> 32 == 0;
  if (A::Default::Get(context.cs.attributes) != 0) return false;
  const unsigned unused = (context.cr4 & kCr4La57) != 0 ? 7 : 16;
  return static_cast<int64_t>(context.rip << unused) >> unused == static_cast<int64_t>(context.rip);
}

bool Waits(const kvm_mp_state& state) {
  return state.mp_state == KVM_MP_STATE_UNINITIALIZED ||
         state.mp_state == KVM_MP_STATE_INIT_RECEIVED;
}

}  // namespace

bool IsPossible(const InitialVpContext& context) {
  const bool paging = (context.cr0 & kCr0Pg) != 0;
  if (context.cr0 >> 32 != 0 || (paging && (context.cr0 & kCr0Pe) == 0)) return false;
  if ((context.cr0 & kCr0Nw) != 0 && (context.cr0 & kCr0Cd) == 0) return false;
  const bool long_mode = (context.efer & kEferLme) != 0 && paging;
  if (long_mode != ((context.efer & kEferLma) != 0)) return false;
  if (!HasPossibleFlags(context, long_mode) || !HasPossibleRip(context, long_mode)) return false;
  if (long_mode) return (context.cr4 & kCr4Pae) != 0;
  return SegmentAttributes::Long::Get(context.cs.attributes) == 0;
}

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
  HVKIT_ASSIGN_OR_RETURN(kvm_sregs sregs, vcpu.GetSregs());
  SetSystemRegisters(context, sregs);
  HVKIT_RETURN_IF_ERROR(vcpu.SetSregs(sregs));
  kvm_regs regs{};
  regs.rip = context.rip;
  regs.rsp = context.rsp;
  regs.rflags = context.rflags | kRflagsFixed;
  HVKIT_RETURN_IF_ERROR(vcpu.SetRegs(regs));
  HVKIT_RETURN_IF_ERROR(vcpu.SetMsr(kMsrPat, context.pat));
  return vcpu.SetMpState({.mp_state = KVM_MP_STATE_RUNNABLE});
}

}  // namespace hvkit::vcpu
