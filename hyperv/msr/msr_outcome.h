// How the model answers a guest's access to an MSR.
//
// TLFS: the MSR tables of hypercall-interface.md, timers.md and the other chapters say which
// accesses fault. kNotOurs lets a VMM try other handlers. No text and no allocation: accesses are
// on the guest's hot path. Immutable.
#ifndef HVKIT_HYPERV_MSR_MSR_OUTCOME_H_
#define HVKIT_HYPERV_MSR_MSR_OUTCOME_H_

#include <cstdint>

namespace hvkit::hyperv {

// What an RDMSR or WRMSR comes to.
enum class [[nodiscard]] MsrOutcome : uint8_t {
  kHandled,            // The instruction completes
  kGeneralProtection,  // The instruction faults with #GP(0) and has no effect
  kNotOurs,            // Nothing was done: the MSR is not of the model
};

// `value` is zero unless the read was handled.
struct [[nodiscard]] MsrRead {
  MsrOutcome outcome = MsrOutcome::kNotOurs;
  uint64_t value = 0;

  // One for each outcome.
  static constexpr MsrRead Handled(uint64_t value) { return {MsrOutcome::kHandled, value}; }
  static constexpr MsrRead Fault() { return {MsrOutcome::kGeneralProtection, 0}; }
  static constexpr MsrRead NotOurs() { return {MsrOutcome::kNotOurs, 0}; }

  friend constexpr bool operator==(const MsrRead&, const MsrRead&) = default;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_MSR_MSR_OUTCOME_H_
