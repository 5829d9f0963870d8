// A vCPU: run it, look at why it stopped, inject events. Its architectural state is in vcpu_state.h
// (a base), what is Hyper-V's in vcpu_hyperv.h (free functions). Source: the kernel's KVM API
// documentation.
#ifndef HVKIT_KVM_IOCTLS_VCPU_H_
#define HVKIT_KVM_IOCTLS_VCPU_H_

#include <sys/ioctl.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvm_ioctls/dirty_ring.h"
#include "kvm_ioctls/exit.h"
#include "kvm_ioctls/fam.h"
#include "kvm_ioctls/mapping.h"
#include "kvm_ioctls/vcpu_state.h"

namespace hvkit::kvm {

// *VP thread*, except SetImmediateExit, which is *thread-safe* and may be called from a signal
// handler. Movable before it runs; run() keeps its address.
class Vcpu : public VcpuState {
 public:
  // Takes over a vCPU's descriptor that someone else created and maps its kvm_run. `run_size` is
  // Kvm::GetVcpuMmapSize(), `xsave_size` what Vm::CheckExtension(KVM_CAP_XSAVE2) says (0 counts as
  // 4096).
  [[nodiscard]] static absl::StatusOr<Vcpu> FromFd(UniqueFd fd, size_t run_size, size_t xsave_size);

  // KVM_RUN: enters the guest until an exit that exit() describes. EINTR: a signal or immediate
  // exit, EAGAIN: the vCPU waits for a SIPI and was woken; exit() is not meaningful then. Allocates
  // nothing; never retries.
  Errno Run() { return ::ioctl(fd(), KVM_RUN, 0) < 0 ? Errno::Last() : Errno(); }
  // kvm_run.immediate_exit (KVM_CAP_IMMEDIATE_EXIT): while set, Run() completes a pending exit and
  // returns EINTR without entering the guest.
  void SetImmediateExit(bool on) {
    std::atomic_ref<__u8>(run().immediate_exit).store(on ? 1 : 0, std::memory_order_relaxed);
  }
  // The area shared with the kernel.
  kvm_run& run() { return *static_cast<kvm_run*>(mapping_.address()); }
  const kvm_run& run() const { return *static_cast<const kvm_run*>(mapping_.address()); }
  // Why Run() returned; borrows run().
  Exit exit() { return Exit(run(), mapping_.size()); }

  // kvm_run.kvm_valid_regs (KVM_CAP_SYNC_REGS): the KVM_SYNC_X86_* sets that each exit stores in
  // sync_regs(). Until changed.
  void SetSyncValidRegs(uint64_t mask) { run().kvm_valid_regs = mask; }
  // kvm_run.kvm_dirty_regs: adds sets that the next Run() loads from sync_regs(). The kernel clears
  // them.
  void MarkSyncDirtyRegs(uint64_t mask) { run().kvm_dirty_regs |= mask; }
  // Forgets what MarkSyncDirtyRegs() added.
  void ClearSyncDirtyRegs() { run().kvm_dirty_regs = 0; }
  kvm_sync_regs& sync_regs() { return run().s.regs; }
  const kvm_sync_regs& sync_regs() const { return run().s.regs; }

  // KVM_ENABLE_CAP on the vCPU (KVM_CAP_ENABLE_CAP): for example KVM_CAP_HYPERV_SYNIC2,
  // KVM_CAP_HYPERV_ENFORCE_CPUID. EINVAL: unknown here, or too late.
  [[nodiscard]] absl::Status EnableCap(const kvm_enable_cap& cap) const;
  // The same with one argument.
  [[nodiscard]] absl::Status EnableCap(uint32_t cap, uint64_t argument = 0) const;

  // KVM_INTERRUPT: queues an external interrupt vector, for a VM without in-kernel local APIC.
  // ENXIO: there is one; EEXIST: one is queued.
  [[nodiscard]] absl::Status Interrupt(uint32_t vector) const;
  // KVM_NMI (KVM_CAP_USER_NMI): queues an NMI.
  [[nodiscard]] absl::Status Nmi() const;
  // KVM_SMI (KVM_CAP_X86_SMM): queues an SMI.
  [[nodiscard]] absl::Status Smi() const;
  // KVM_X86_SETUP_MCE (KVM_CAP_MCE): gives the guest MCG_CAP, once. EINVAL: bits that
  // Kvm::GetMceCapSupported lacks.
  [[nodiscard]] absl::Status SetupMce(uint64_t mcg_cap) const;
  // KVM_X86_SET_MCE (KVM_CAP_MCE): raises a machine check. EINVAL: no such bank, or not VAL.
  [[nodiscard]] absl::Status SetMce(const kvm_x86_mce& mce) const;

  // KVM_TRANSLATE: walks the guest's page tables as they are now; `valid` says whether there is a
  // mapping.
  [[nodiscard]] absl::StatusOr<kvm_translation> Translate(uint64_t linear_address) const;
  // KVM_SET_GUEST_DEBUG (KVM_CAP_SET_GUEST_DEBUG): breakpoints and single steps that exit with
  // KVM_EXIT_DEBUG.
  [[nodiscard]] absl::Status SetGuestDebug(const kvm_guest_debug& debug) const;
  // KVM_KVMCLOCK_CTRL (KVM_CAP_KVMCLOCK_CTRL): tells the guest's watchdog that it was paused.
  // EINVAL: it uses no kvmclock.
  [[nodiscard]] absl::Status KvmclockCtrl() const;
  // KVM_SET_SIGNAL_MASK: the signals blocked during KVM_RUN: 8 bytes, one bit a signal.
  [[nodiscard]] absl::Status SetSignalMask(const SignalMask& mask) const;
  // KVM_TPR_ACCESS_REPORTING (KVM_CAP_VAPIC): KVM_EXIT_TPR_ACCESS on accesses to the local APIC's
  // TPR.
  [[nodiscard]] absl::Status TprAccessReporting(bool enabled) const;
  // KVM_GET_STATS_FD (KVM_CAP_BINARY_STATS_FD): a descriptor to read the vCPU's statistics from
  // (see stats.h).
  [[nodiscard]] absl::StatusOr<UniqueFd> GetStatsFd() const;

  // Maps the ring that KVM_CAP_DIRTY_LOG_RING gave each vCPU; `bytes` is what was enabled. EINVAL:
  // no ring.
  [[nodiscard]] absl::StatusOr<DirtyRing> MapDirtyRing(size_t bytes) const;
  // Takes the oldest write that a coalesced zone caught (Vm::RegisterCoalescedMmio); nothing when
  // the ring is empty. The ring is the VM's: one thread at a time, and before handling any exit
  // that a device may relate to earlier writes.
  std::optional<kvm_coalesced_mmio> PopCoalescedMmio();

 private:
  Vcpu(UniqueFd fd, Mapping mapping, size_t xsave_size)
      : VcpuState(std::move(fd), xsave_size), mapping_(std::move(mapping)) {}

  Mapping mapping_;
};

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_VCPU_H_
