#include "vcpu/hyperv_kvm/caller_registers.h"

#include "kvm_ioctls/status_macros.h"

namespace hvkit::vcpu {
namespace {

constexpr uint64_t kEferLma = uint64_t{1} << 10;

}  // namespace

CallerRegisters::CallerRegisters(kvm::Vcpu& vcpu, uint64_t sync_sets)
    : vcpu_(vcpu),
      synced_((sync_sets & kSyncedSets) == kSyncedSets),
      general_(synced_ ? &vcpu.sync_regs().regs : &own_general_),
      system_(synced_ ? &vcpu.sync_regs().sregs : &own_system_) {
  if (synced_) vcpu_.SetSyncValidRegs(kSyncedSets);
}

absl::Status CallerRegisters::Load() {
  if (synced_) return absl::OkStatus();
  HVKIT_ASSIGN_OR_RETURN(own_general_, vcpu_.GetRegs());
  HVKIT_ASSIGN_OR_RETURN(own_system_, vcpu_.GetSregs());
  return absl::OkStatus();
}

absl::Status CallerRegisters::Store() {
  if (!synced_) return StoreNow();
  vcpu_.MarkSyncDirtyRegs(KVM_SYNC_X86_REGS);
  return absl::OkStatus();
}

bool CallerRegisters::Is64Bit() const {
  return (system_->efer & kEferLma) != 0 && system_->cs.l != 0;
}

uint64_t CallerRegisters::LinearRip() const {
  if (Is64Bit()) return general_->rip;
  return static_cast<uint32_t>(system_->cs.base + general_->rip);
}

}  // namespace hvkit::vcpu
