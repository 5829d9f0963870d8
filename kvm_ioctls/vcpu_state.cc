#include "kvm_ioctls/vcpu_state.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "kvm_ioctls/fam_ioctl.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::kvm {
namespace {

// One MSR in the layout of kvm_msrs, on the stack.
struct OneMsr {
  kvm_msrs header{};
  kvm_msr_entry entry{};
};
static_assert(sizeof(OneMsr) == sizeof(kvm_msrs) + sizeof(kvm_msr_entry));

OneMsr MakeOneMsr(uint32_t index, uint64_t value) {
  OneMsr msr;
  msr.header.nmsrs = 1;
  msr.entry.index = index;
  msr.entry.data = value;
  return msr;
}

// Linux 6.1 succeeds without storing the count, so what it left zero is cut off.
void TrimUnusedEntries(Cpuid& cpuid) {
  constexpr kvm_cpuid_entry2 kUnused{};
  while (!cpuid.empty() && std::memcmp(&cpuid.entries().back(), &kUnused, sizeof(kUnused)) == 0) {
    cpuid.Resize(cpuid.size() - 1);
  }
}

kvm_device_attr TscOffsetAttr(const uint64_t* value) {
  kvm_device_attr attr{};
  attr.group = KVM_VCPU_TSC_CTRL;
  attr.attr = KVM_VCPU_TSC_OFFSET;
  attr.addr = reinterpret_cast<uintptr_t>(value);
  return attr;
}

}  // namespace

absl::StatusOr<kvm_regs> VcpuState::GetRegs() const {
  return Get<kvm_regs>(HVKIT_IOCTL_ID(KVM_GET_REGS));
}

absl::Status VcpuState::SetRegs(const kvm_regs& regs) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_REGS), &regs, {{"rip", regs.rip}});
}

absl::StatusOr<kvm_sregs> VcpuState::GetSregs() const {
  return Get<kvm_sregs>(HVKIT_IOCTL_ID(KVM_GET_SREGS));
}

absl::Status VcpuState::SetSregs(const kvm_sregs& sregs) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_SREGS), &sregs,
               {{"cr0", sregs.cr0}, {"cr3", sregs.cr3}, {"cr4", sregs.cr4}, {"efer", sregs.efer}});
}

absl::StatusOr<kvm_sregs2> VcpuState::GetSregs2() const {
  return Get<kvm_sregs2>(HVKIT_IOCTL_ID(KVM_GET_SREGS2));
}

absl::Status VcpuState::SetSregs2(const kvm_sregs2& sregs) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_SREGS2), &sregs,
               {{"cr0", sregs.cr0}, {"cr3", sregs.cr3}, {"cr4", sregs.cr4}, {"efer", sregs.efer}});
}

absl::StatusOr<kvm_fpu> VcpuState::GetFpu() const {
  return Get<kvm_fpu>(HVKIT_IOCTL_ID(KVM_GET_FPU));
}

absl::Status VcpuState::SetFpu(const kvm_fpu& fpu) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_FPU), &fpu, {{"mxcsr", fpu.mxcsr}});
}

absl::StatusOr<kvm_debugregs> VcpuState::GetDebugRegs() const {
  return Get<kvm_debugregs>(HVKIT_IOCTL_ID(KVM_GET_DEBUGREGS));
}

absl::Status VcpuState::SetDebugRegs(const kvm_debugregs& regs) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_DEBUGREGS), &regs,
               {{"dr6", regs.dr6}, {"dr7", regs.dr7}, {"flags", regs.flags}});
}

absl::StatusOr<kvm_xcrs> VcpuState::GetXcrs() const {
  return Get<kvm_xcrs>(HVKIT_IOCTL_ID(KVM_GET_XCRS));
}

absl::Status VcpuState::SetXcrs(const kvm_xcrs& xcrs) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_XCRS), &xcrs,
               {{"nr_xcrs", xcrs.nr_xcrs}, {"xcrs[0]", xcrs.xcrs[0].value}});
}

absl::Status VcpuState::CheckXsaveSize(const char* name, const Xsave& xsave) const {
  if (xsave.size() >= xsave_size_) {
    return absl::OkStatus();
  }
  return absl::OutOfRangeError(
      absl::StrCat(name, ": a buffer of ", xsave.size(), " bytes, want ", xsave_size_));
}

absl::Status VcpuState::GetXsave(Xsave& xsave) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_GET_XSAVE), xsave.get());
}

absl::Status VcpuState::GetXsave2(Xsave& xsave) const {
  HVKIT_RETURN_IF_ERROR(CheckXsaveSize("KVM_GET_XSAVE2", xsave));
  return DoPtr(HVKIT_IOCTL_ID(KVM_GET_XSAVE2), xsave.get(), {{"size", xsave.size()}});
}

absl::Status VcpuState::SetXsave(const Xsave& xsave) const {
  HVKIT_RETURN_IF_ERROR(CheckXsaveSize("KVM_SET_XSAVE", xsave));
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_XSAVE), xsave.get(), {{"size", xsave.size()}});
}

absl::Status VcpuState::SetCpuid2(const Cpuid& cpuid) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_CPUID2), cpuid.get(), {{"nent", cpuid.size()}});
}

absl::StatusOr<Cpuid> VcpuState::GetCpuid2() const {
  HVKIT_ASSIGN_OR_RETURN(Cpuid cpuid, internal::GetCpuid(fd(), HVKIT_IOCTL_ID(KVM_GET_CPUID2)));
  TrimUnusedEntries(cpuid);
  return cpuid;
}

absl::Status VcpuState::GetMsrs(Msrs& msrs) const {
  return internal::TransferMsrs(fd(), HVKIT_IOCTL_ID(KVM_GET_MSRS), *msrs.get(), "read");
}

absl::Status VcpuState::SetMsrs(const Msrs& msrs) const {
  return internal::TransferMsrs(fd(), HVKIT_IOCTL_ID(KVM_SET_MSRS), *msrs.get(), "written");
}

absl::StatusOr<uint64_t> VcpuState::GetMsr(uint32_t index) const {
  const OneMsr msr = MakeOneMsr(index, 0);
  HVKIT_RETURN_IF_ERROR(
      internal::TransferMsrs(fd(), HVKIT_IOCTL_ID(KVM_GET_MSRS), msr.header, "read"));
  return msr.entry.data;
}

absl::Status VcpuState::SetMsr(uint32_t index, uint64_t value) const {
  const OneMsr msr = MakeOneMsr(index, value);
  return internal::TransferMsrs(fd(), HVKIT_IOCTL_ID(KVM_SET_MSRS), msr.header, "written");
}

absl::StatusOr<kvm_lapic_state> VcpuState::GetLapic() const {
  return Get<kvm_lapic_state>(HVKIT_IOCTL_ID(KVM_GET_LAPIC));
}

absl::Status VcpuState::SetLapic(const kvm_lapic_state& lapic) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_LAPIC), &lapic);
}

absl::StatusOr<kvm_mp_state> VcpuState::GetMpState() const {
  return Get<kvm_mp_state>(HVKIT_IOCTL_ID(KVM_GET_MP_STATE));
}

absl::Status VcpuState::SetMpState(const kvm_mp_state& state) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_MP_STATE), &state, {{"mp_state", state.mp_state}});
}

absl::StatusOr<kvm_vcpu_events> VcpuState::GetVcpuEvents() const {
  return Get<kvm_vcpu_events>(HVKIT_IOCTL_ID(KVM_GET_VCPU_EVENTS));
}

absl::Status VcpuState::SetVcpuEvents(const kvm_vcpu_events& events) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_VCPU_EVENTS), &events, {{"flags", events.flags}});
}

absl::Status VcpuState::GetNestedState(NestedState& state) const {
  const uint32_t size = state->size;
  return DoPtr(HVKIT_IOCTL_ID(KVM_GET_NESTED_STATE), state.get(), {{"size", size}});
}

absl::Status VcpuState::SetNestedState(const NestedState& state) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_NESTED_STATE), state.get(),
               {{"flags", state->flags}, {"format", state->format}, {"size", state->size}});
}

absl::StatusOr<uint32_t> VcpuState::GetTscKhz() const {
  HVKIT_ASSIGN_OR_RETURN(const int khz, Call(HVKIT_IOCTL_ID(KVM_GET_TSC_KHZ), 0));
  return static_cast<uint32_t>(khz);
}

absl::Status VcpuState::SetTscKhz(uint32_t khz) const {
  return Do(HVKIT_IOCTL_ID(KVM_SET_TSC_KHZ), khz, {{"khz", khz}});
}

absl::Status VcpuState::HasDeviceAttr(const kvm_device_attr& attr) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_HAS_DEVICE_ATTR), &attr,
               {{"group", attr.group}, {"attr", attr.attr}});
}

absl::Status VcpuState::GetDeviceAttr(const kvm_device_attr& attr) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_GET_DEVICE_ATTR), &attr,
               {{"group", attr.group}, {"attr", attr.attr}});
}

absl::Status VcpuState::SetDeviceAttr(const kvm_device_attr& attr) const {
  return DoPtr(HVKIT_IOCTL_ID(KVM_SET_DEVICE_ATTR), &attr,
               {{"group", attr.group}, {"attr", attr.attr}});
}

absl::StatusOr<uint64_t> VcpuState::GetTscOffset() const {
  uint64_t offset = 0;
  HVKIT_RETURN_IF_ERROR(GetDeviceAttr(TscOffsetAttr(&offset)));
  return offset;
}

absl::Status VcpuState::SetTscOffset(uint64_t offset) const {
  return SetDeviceAttr(TscOffsetAttr(&offset));
}

}  // namespace hvkit::kvm
