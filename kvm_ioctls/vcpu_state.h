// A vCPU's architectural state: registers, MSRs, CPUID, local APIC, FPU, events, nested state. A
// base of Vcpu: use it through that. Where kvm_run's synced registers will do (Vcpu::sync_regs),
// they are cheaper.
#ifndef HVKIT_KVM_IOCTLS_VCPU_STATE_H_
#define HVKIT_KVM_IOCTLS_VCPU_STATE_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvm_ioctls/fam.h"
#include "kvm_ioctls/ioctl.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/xsave.h"

namespace hvkit::kvm {

// *VP thread*: an ioctl from another thread waits until KVM_RUN returns. Before changing state
// after an exit that has to be completed (I/O, MMIO, MSR, hypercall), complete it:
// SetImmediateExit(true) and Run(), which returns EINTR.
class VcpuState : public IoctlFd {
 public:
  // KVM_GET_REGS.
  [[nodiscard]] absl::StatusOr<kvm_regs> GetRegs() const;
  // KVM_SET_REGS.
  [[nodiscard]] absl::Status SetRegs(const kvm_regs& regs) const;
  // KVM_GET_SREGS.
  [[nodiscard]] absl::StatusOr<kvm_sregs> GetSregs() const;
  // KVM_SET_SREGS. EINVAL: an impossible combination (for example EFER.LMA without CR4.PAE).
  [[nodiscard]] absl::Status SetSregs(const kvm_sregs& sregs) const;
  // KVM_GET_SREGS2 (KVM_CAP_SREGS2): with the PDPTRs, without the interrupt bitmap.
  [[nodiscard]] absl::StatusOr<kvm_sregs2> GetSregs2() const;
  // KVM_SET_SREGS2 (KVM_CAP_SREGS2).
  [[nodiscard]] absl::Status SetSregs2(const kvm_sregs2& sregs) const;
  // KVM_GET_FPU.
  [[nodiscard]] absl::StatusOr<kvm_fpu> GetFpu() const;
  // KVM_SET_FPU. Lost where the vCPU's XSTATE_BV does not have x87 and SSE yet: SetXsave is the
  // sure way.
  [[nodiscard]] absl::Status SetFpu(const kvm_fpu& fpu) const;
  // KVM_GET_DEBUGREGS (KVM_CAP_DEBUGREGS).
  [[nodiscard]] absl::StatusOr<kvm_debugregs> GetDebugRegs() const;
  // KVM_SET_DEBUGREGS (KVM_CAP_DEBUGREGS). EINVAL: flags not 0, or bits above 31 in DR6 or DR7.
  [[nodiscard]] absl::Status SetDebugRegs(const kvm_debugregs& regs) const;
  // KVM_GET_XCRS (KVM_CAP_XCRS).
  [[nodiscard]] absl::StatusOr<kvm_xcrs> GetXcrs() const;
  // KVM_SET_XCRS (KVM_CAP_XCRS). EINVAL: the CPU has no XSAVE, or the value is not possible.
  [[nodiscard]] absl::Status SetXcrs(const kvm_xcrs& xcrs) const;

  // Bytes of this vCPU's XSAVE area: KVM_CHECK_EXTENSION(KVM_CAP_XSAVE2) on the VM, at least 4096.
  size_t xsave_size() const { return xsave_size_; }
  // KVM_GET_XSAVE (KVM_CAP_XSAVE): the first 4096 bytes. EINVAL where xsave_size() is larger.
  [[nodiscard]] absl::Status GetXsave(Xsave& xsave) const;
  // KVM_GET_XSAVE2 (KVM_CAP_XSAVE2): all of it. OutOfRange if `xsave` is smaller than xsave_size().
  [[nodiscard]] absl::Status GetXsave2(Xsave& xsave) const;
  // KVM_SET_XSAVE (KVM_CAP_XSAVE). OutOfRange as above; EINVAL: a bad header.
  [[nodiscard]] absl::Status SetXsave(const Xsave& xsave) const;

  // KVM_SET_CPUID2 (KVM_CAP_EXT_CPUID). EINVAL: after the first Run(), when it would change
  // anything; E2BIG: too many entries.
  [[nodiscard]] absl::Status SetCpuid2(const Cpuid& cpuid) const;
  // KVM_GET_CPUID2: what the guest sees.
  [[nodiscard]] absl::StatusOr<Cpuid> GetCpuid2() const;

  // KVM_GET_MSRS: fills in the MSRs that `msrs` names. Reading fewer is an error that names the one
  // it stopped at.
  [[nodiscard]] absl::Status GetMsrs(Msrs& msrs) const;
  // KVM_SET_MSRS: writes as the host, in order. Writing fewer is an error that names the one it
  // stopped at.
  [[nodiscard]] absl::Status SetMsrs(const Msrs& msrs) const;
  // KVM_GET_MSRS of one.
  [[nodiscard]] absl::StatusOr<uint64_t> GetMsr(uint32_t index) const;
  // KVM_SET_MSRS of one.
  [[nodiscard]] absl::Status SetMsr(uint32_t index, uint64_t value) const;

  // KVM_GET_LAPIC (KVM_CAP_IRQCHIP). EINVAL: no in-kernel local APIC.
  [[nodiscard]] absl::StatusOr<kvm_lapic_state> GetLapic() const;
  // KVM_SET_LAPIC. EINVAL: no in-kernel local APIC, or an id that does not fit the mode.
  [[nodiscard]] absl::Status SetLapic(const kvm_lapic_state& lapic) const;
  // KVM_GET_MP_STATE (KVM_CAP_MP_STATE): KVM_MP_STATE_RUNNABLE, _UNINITIALIZED, _HALTED, ...
  [[nodiscard]] absl::StatusOr<kvm_mp_state> GetMpState() const;
  // KVM_SET_MP_STATE. EINVAL: a state that needs the in-kernel local APIC, without one.
  [[nodiscard]] absl::Status SetMpState(const kvm_mp_state& state) const;
  // KVM_GET_VCPU_EVENTS (KVM_CAP_VCPU_EVENTS): exceptions, interrupts and NMIs under way.
  [[nodiscard]] absl::StatusOr<kvm_vcpu_events> GetVcpuEvents() const;
  // KVM_SET_VCPU_EVENTS. EINVAL: a flag without its capability.
  [[nodiscard]] absl::Status SetVcpuEvents(const kvm_vcpu_events& events) const;

  // KVM_GET_NESTED_STATE (KVM_CAP_NESTED_STATE): into `state`, whose size must do:
  // Resize(capability - 128) first. E2BIG: it does not, and header.size then says what does.
  // EINVAL: no nesting.
  [[nodiscard]] absl::Status GetNestedState(NestedState& state) const;
  // KVM_SET_NESTED_STATE. EINVAL: nesting is off or the state is bad.
  [[nodiscard]] absl::Status SetNestedState(const NestedState& state) const;

  // KVM_GET_TSC_KHZ (KVM_CAP_GET_TSC_KHZ): the guest's TSC frequency.
  [[nodiscard]] absl::StatusOr<uint32_t> GetTscKhz() const;
  // KVM_SET_TSC_KHZ (KVM_CAP_TSC_CONTROL). EINVAL: the CPU cannot scale to it.
  [[nodiscard]] absl::Status SetTscKhz(uint32_t khz) const;
  // KVM_HAS_DEVICE_ATTR on the vCPU (KVM_CAP_VCPU_ATTRIBUTES, Linux 5.16). ENXIO (NotFound): no
  // such attribute.
  [[nodiscard]] absl::Status HasDeviceAttr(const kvm_device_attr& attr) const;
  // KVM_GET_DEVICE_ATTR: stores through attr.addr.
  [[nodiscard]] absl::Status GetDeviceAttr(const kvm_device_attr& attr) const;
  // KVM_SET_DEVICE_ATTR: reads through attr.addr.
  [[nodiscard]] absl::Status SetDeviceAttr(const kvm_device_attr& attr) const;
  // KVM_GET_DEVICE_ATTR of KVM_VCPU_TSC_OFFSET: guest TSC minus (scaled) host TSC, modulo 2^64.
  [[nodiscard]] absl::StatusOr<uint64_t> GetTscOffset() const;
  // KVM_SET_DEVICE_ATTR of KVM_VCPU_TSC_OFFSET.
  [[nodiscard]] absl::Status SetTscOffset(uint64_t offset) const;

 protected:
  VcpuState(UniqueFd fd, size_t xsave_size) : IoctlFd(std::move(fd)), xsave_size_(xsave_size) {}
  VcpuState(VcpuState&&) = default;
  VcpuState& operator=(VcpuState&&) = default;
  ~VcpuState() = default;

 private:
  absl::Status CheckXsaveSize(const char* name, const Xsave& xsave) const;

  size_t xsave_size_;
};

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_VCPU_STATE_H_
