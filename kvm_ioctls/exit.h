// A typed view of kvm_run after KVM_RUN returned: why, and the payload. It borrows the run page and
// copies nothing; a read is completed by writing into the view before the next KVM_RUN. Source: the
// kernel's KVM API documentation, "The kvm_run structure". It decides nothing: dispatch is the
// caller's.
#ifndef HVKIT_KVM_IOCTLS_EXIT_H_
#define HVKIT_KVM_IOCTLS_EXIT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::kvm {

// "KVM_EXIT_IO" and so on; "KVM_EXIT_?" for a reason that this release does not know. Never null.
const char* ExitReasonName(uint32_t reason);

// KVM_EXIT_IO. *VP thread*
class IoExit {
 public:
  IoExit(kvm_run& run, size_t run_size) : run_(run), run_size_(run_size) {}
  bool is_write() const { return run_.io.direction == KVM_EXIT_IO_OUT; }
  uint16_t port() const { return run_.io.port; }
  // Width of one access in bytes: 1, 2 or 4.
  uint8_t size() const { return run_.io.size; }
  // Accesses in this exit; more than one for a string instruction.
  uint32_t count() const { return run_.io.count; }
  // size() * count() bytes in the run mapping: what the guest wrote, or where a read's result goes.
  // Empty if the kernel's offset does not fit the mapping.
  std::span<std::byte> data() const {
    const uint64_t length = uint64_t{run_.io.size} * run_.io.count;
    if (run_.io.data_offset > run_size_ || length > run_size_ - run_.io.data_offset) {
      return {};
    }
    return {reinterpret_cast<std::byte*>(&run_) + run_.io.data_offset, length};
  }

 private:
  kvm_run& run_;
  size_t run_size_;
};

// KVM_EXIT_MMIO. *VP thread*
class MmioExit {
 public:
  explicit MmioExit(kvm_run& run) : mmio_(run.mmio) {}
  bool is_write() const { return mmio_.is_write != 0; }
  uint64_t address() const { return mmio_.phys_addr; }
  // At most 8 bytes: what the guest wrote, or where a read's result goes.
  std::span<std::byte> data() const {
    return {reinterpret_cast<std::byte*>(mmio_.data),
            std::min<size_t>(mmio_.len, sizeof(mmio_.data))};
  }

 private:
  decltype(kvm_run::mmio)& mmio_;
};

// KVM_EXIT_X86_RDMSR and KVM_EXIT_X86_WRMSR (KVM_CAP_X86_USER_SPACE_MSR). *VP thread*
class MsrExit {
 public:
  explicit MsrExit(kvm_run& run) : run_(run) {}
  bool is_write() const { return run_.exit_reason == KVM_EXIT_X86_WRMSR; }
  uint32_t index() const { return run_.msr.index; }
  // A KVM_MSR_EXIT_REASON_* bit.
  uint32_t reason() const { return run_.msr.reason; }
  // What the guest writes.
  uint64_t data() const { return run_.msr.data; }
  // Completes a read with `value`.
  void SetData(uint64_t value) {
    run_.msr.data = value;
    run_.msr.error = 0;
  }
  // Completes a write.
  void SetWritten() { run_.msr.error = 0; }
  // Injects #GP on the next KVM_RUN.
  void SetError() { run_.msr.error = 1; }

 private:
  kvm_run& run_;
};

// KVM_EXIT_HYPERV: which of the three payloads is valid is in type(). *VP thread*
class HypervExit {
 public:
  // The payloads, which the kernel has no names for.
  using Synic = decltype(kvm_hyperv_exit::u.synic);
  using Hcall = decltype(kvm_hyperv_exit::u.hcall);
  using Syndbg = decltype(kvm_hyperv_exit::u.syndbg);

  explicit HypervExit(kvm_run& run) : hyperv_(run.hyperv) {}
  // KVM_EXIT_HYPERV_SYNIC, KVM_EXIT_HYPERV_HCALL or KVM_EXIT_HYPERV_SYNDBG.
  uint32_t type() const { return hyperv_.type; }
  // A SynIC MSR was written: its index and the new SCONTROL, SIEFP and SIMP. Nothing to answer.
  const Synic& synic() const { return hyperv_.u.synic; }
  // A hypercall to complete: `input` (control word) and `params` are the guest's, the result goes
  // to SetHcallResult().
  const Hcall& hcall() const { return hyperv_.u.hcall; }
  void SetHcallResult(uint64_t result) { hyperv_.u.hcall.result = result; }
  // A synthetic debugger MSR was accessed. SetSyndbgStatus() answers a write of the control MSR.
  const Syndbg& syndbg() const { return hyperv_.u.syndbg; }
  void SetSyndbgStatus(uint64_t status) { hyperv_.u.syndbg.status = status; }

 private:
  kvm_hyperv_exit& hyperv_;
};

// KVM_EXIT_SYSTEM_EVENT. *VP thread*
class SystemEventExit {
 public:
  explicit SystemEventExit(kvm_run& run) : event_(run.system_event) {}
  // KVM_SYSTEM_EVENT_SHUTDOWN, _RESET, _CRASH (Hyper-V crash MSRs) and so on.
  uint32_t type() const { return event_.type; }
  // The ndata words that the kernel filled, at most 16.
  std::span<const __u64> data() const {
    return {event_.data, std::min<size_t>(event_.ndata, std::size(event_.data))};
  }

 private:
  decltype(kvm_run::system_event)& event_;
};

// KVM_EXIT_MEMORY_FAULT (KVM_CAP_MEMORY_FAULT_INFO); Linux 6.1's kvm_run has no member for it.
struct MemoryFaultPayload {
  __u64 flags;
  __u64 gpa;
  __u64 size;
};

// The view itself. An accessor is meaningful only for its reason(); it is harmless for others. *VP
// thread*: valid until the vCPU runs again or goes away.
class Exit {
 public:
  // `run_size` is the size of the mapping that starts at `run` (KVM_GET_VCPU_MMAP_SIZE).
  Exit(kvm_run& run, size_t run_size) : run_(run), run_size_(run_size) {}

  // KVM_EXIT_*.
  uint32_t reason() const { return run_.exit_reason; }
  const char* reason_name() const { return ExitReasonName(reason()); }

  IoExit io() const { return {run_, run_size_}; }
  MmioExit mmio() const { return MmioExit(run_); }
  MsrExit msr() const { return MsrExit(run_); }
  HypervExit hyperv() const { return HypervExit(run_); }
  SystemEventExit system_event() const { return SystemEventExit(run_); }
  // KVM_EXIT_DEBUG: exception, pc, dr6, dr7.
  const kvm_debug_exit_arch& debug() const { return run_.debug.arch; }
  // KVM_EXIT_HYPERCALL (KVM_CAP_EXIT_HYPERCALL): answer in `ret`.
  auto& hypercall() const { return run_.hypercall; }
  // KVM_EXIT_XEN: answer in `u.hcall.result`.
  kvm_xen_exit& xen() const { return run_.xen; }
  // KVM_EXIT_FAIL_ENTRY: the hardware's reason.
  const auto& fail_entry() const { return run_.fail_entry; }
  // KVM_EXIT_UNKNOWN: the hardware's exit reason.
  uint64_t hardware_exit_reason() const { return run_.hw.hardware_exit_reason; }
  // KVM_EXIT_EXCEPTION.
  const auto& exception() const { return run_.ex; }
  // KVM_EXIT_INTERNAL_ERROR: a KVM_INTERNAL_ERROR_* and what came with it.
  uint32_t internal_suberror() const { return run_.internal.suberror; }
  std::span<const __u64> internal_data() const {
    return {run_.internal.data,
            std::min<size_t>(run_.internal.ndata, std::size(run_.internal.data))};
  }
  // KVM_INTERNAL_ERROR_EMULATION: the bytes of the instruction, empty where the kernel gives none.
  std::span<const std::byte> emulation_failure_bytes() const;
  // KVM_EXIT_TPR_ACCESS (KVM_TPR_ACCESS_REPORTING).
  const auto& tpr_access() const { return run_.tpr_access; }
  // KVM_EXIT_IOAPIC_EOI (split irqchip): the vector.
  uint8_t eoi_vector() const { return run_.eoi.vector; }
  // KVM_EXIT_NOTIFY (KVM_CAP_X86_NOTIFY_VMEXIT): KVM_NOTIFY_CONTEXT_INVALID or 0.
  uint32_t notify_flags() const { return run_.notify.flags; }
  const MemoryFaultPayload& memory_fault() const {
    return *reinterpret_cast<const MemoryFaultPayload*>(run_.padding);
  }

 private:
  kvm_run& run_;
  size_t run_size_;
};

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_EXIT_H_
