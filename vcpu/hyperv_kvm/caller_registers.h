// The registers of a VP that has just made a hypercall. Sources: the kernel's KVM API
// documentation, "KVM_CAP_SYNC_REGS"; Intel SDM volume 3, "Segment Descriptors" (CPL, L).
//
// Where KVM has synced registers, exits can bring them along, and a call makes no ioctl. That makes
// all exits dearer (see the exit_benchmark), so it is on only while the VP makes calls: from a call
// until a row of other exits.
#ifndef HVKIT_VCPU_HYPERV_KVM_CALLER_REGISTERS_H_
#define HVKIT_VCPU_HYPERV_KVM_CALLER_REGISTERS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/vcpu.h"

namespace hvkit::vcpu {

// *VP thread*.
class CallerRegisters {
 public:
  // The register sets that KVM leaves in the run page at each exit.
  static constexpr uint64_t kSyncedSets = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;

  // `sync_sets` is KVM_CAP_SYNC_REGS. `vcpu` outlives this object, and nothing else syncs with it.
  CallerRegisters(kvm::Vcpu& vcpu, uint64_t sync_sets);

  // Fetches what the guest has now: after each exit that is looked at, before anything else here.
  [[nodiscard]] absl::Status Load();
  kvm_regs& general() { return *general_; }
  const kvm_sregs& system() const { return *system_; }
  // Gives the guest what general() holds, at its next entry at the latest.
  [[nodiscard]] absl::Status Store();
  // The same at once. No exit is pending.
  [[nodiscard]] absl::Status StoreNow() { return vcpu_.SetRegs(*general_); }

  // The VP has made an exit that is no call.
  void NoteOtherExit() {
    if (++other_exits_ == kPatience) SyncFromNowOn(false);
  }

  // Whether the caller is in 64-bit code: long mode, and CS.L set.
  bool Is64Bit() const;
  uint8_t Cpl() const {
    return system_->ss.dpl;
  }  // KVM keeps CPL there on both vendors' processors
  // CR0.PE.
  bool IsProtectedMode() const { return (system_->cr0 & 1) != 0; }
  // `rip` as an instruction pointer of the code that called: of 32 bits but in 64-bit code.
  uint64_t InstructionPointer(uint64_t rip) const {
    return Is64Bit() ? rip : static_cast<uint32_t>(rip);
  }
  // Where the instruction pointer points, with the code segment's base.
  uint64_t LinearRip() const;

 private:
  // Two ioctls at the next call cost as much as this many exits with synced registers.
  static constexpr uint32_t kPatience = 16;

  // From the next exit on.
  void SyncFromNowOn(bool on);

  kvm::Vcpu& vcpu_;
  const bool can_sync_;
  bool synced_ = false;  // the last exit has brought the registers
  uint32_t other_exits_ = 0;
  kvm_regs own_general_{};
  kvm_sregs own_system_{};
  kvm_regs* general_ = &own_general_;
  kvm_sregs* system_ = &own_system_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_CALLER_REGISTERS_H_
