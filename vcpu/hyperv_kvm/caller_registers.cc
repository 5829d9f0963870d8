#include "vcpu/hyperv_kvm/caller_registers.h"

#include "kvm_ioctls/status_macros.h"
#include "vcpu/x86_bits.h"

namespace hvkit::vcpu {

CallerRegisters::CallerRegisters(kvm::Vcpu& vcpu, uint64_t sync_sets)
    : vcpu_(vcpu), can_sync_((sync_sets & kSyncedSets) == kSyncedSets) {}

void CallerRegisters::SyncFromNowOn(bool on) {
  synced_ = on;
  vcpu_.SetSyncValidRegs(on ? kSyncedSets : 0);
  general_ = on ? &vcpu_.sync_regs().regs : &own_general_;
  system_ = on ? &vcpu_.sync_regs().sregs : &own_system_;
}

absl::Status CallerRegisters::Load() {
  other_exits_ = 0;
  if (synced_) return absl::OkStatus();
  HVKIT_ASSIGN_OR_RETURN(own_general_, vcpu_.GetRegs());
  HVKIT_ASSIGN_OR_RETURN(own_system_, vcpu_.GetSregs());
  return absl::OkStatus();
}

absl::Status CallerRegisters::Store() {
  if (synced_) {
    vcpu_.MarkSyncDirtyRegs(KVM_SYNC_X86_REGS);
    return absl::OkStatus();
  }
  HVKIT_RETURN_IF_ERROR(StoreNow());
  if (can_sync_) SyncFromNowOn(true);
  return absl::OkStatus();
}

bool CallerRegisters::Is64Bit() const {
  return (system_->efer & x86::kEferLma) != 0 && system_->cs.l != 0;
}

uint64_t CallerRegisters::LinearRip() const {
  if (Is64Bit()) return general_->rip;
  return static_cast<uint32_t>(system_->cs.base + general_->rip);
}

}  // namespace hvkit::vcpu
