// Registers with which a guest says how it wants its TSC: notices after a migration, emulation of
// the old frequency, and the invariant bit.
//
// TLFS: nested-virtualization.md "Live Migration Notification"; Linux's arch/x86/kvm/hyperv.c for
// the invariant TSC. They are kept, no more: nothing here changes a TSC or CPUID.
#ifndef HVKIT_HYPERV_PARTITION_TSC_CONTROLS_H_
#define HVKIT_HYPERV_PARTITION_TSC_CONTROLS_H_

#include <atomic>
#include <cstdint>

#include "hyperv/msr/msr_outcome.h"

namespace hvkit::hyperv {

// HV_X64_MSR_REENLIGHTENMENT_CONTROL, _TSC_EMULATION_CONTROL and _TSC_INVARIANT_CONTROL;
// _TSC_EMULATION_STATUS is always 0. Thread-safe.
class TscControls {
 public:
  uint64_t reenlightenment() const { return reenlightenment_.load(std::memory_order_relaxed); }
  // The guest's write, without its reserved bits.
  void set_reenlightenment(uint64_t value) {
    reenlightenment_.store(value, std::memory_order_relaxed);
  }

  uint64_t emulation() const { return emulation_.load(std::memory_order_relaxed); }
  // The guest's write, without its reserved bits.
  void set_emulation(uint64_t value) { emulation_.store(value, std::memory_order_relaxed); }

  uint64_t invariant() const { return invariant_.load(std::memory_order_relaxed); }
  // Faults when it would take the bit back.
  MsrOutcome WriteInvariant(uint64_t value) {
    const uint64_t before = invariant_.fetch_or(value, std::memory_order_relaxed);
    return (before & ~value) == 0 ? MsrOutcome::kHandled : MsrOutcome::kGeneralProtection;
  }

  // All three are 0 again.
  void Reset() {
    set_reenlightenment(0);
    set_emulation(0);
    invariant_.store(0, std::memory_order_relaxed);
  }

 private:
  std::atomic<uint64_t> reenlightenment_{0};
  std::atomic<uint64_t> emulation_{0};
  std::atomic<uint64_t> invariant_{0};
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_TSC_CONTROLS_H_
