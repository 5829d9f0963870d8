// From the enlightenments asked for to those in force, with the reason for each absent one.
//
// Flags, then dependencies, then what the back end can do. Errors tell bad usage from an unable
// machine by their code: kInvalidArgument for syntax and dependencies, kFailedPrecondition for an
// enlightenment that was asked for and cannot be had here. Pure functions: thread-safe.
#ifndef HVKIT_HYPERV_ENLIGHTENMENTS_RESOLVE_H_
#define HVKIT_HYPERV_ENLIGHTENMENTS_RESOLVE_H_

#include <array>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hyperv/enlightenments/cpu_spec.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/enlightenment_set.h"

namespace hvkit::hyperv {

// What a back end can do, supplied by that back end. A default one can do everything.
struct Ability {
  // For each enlightenment, why it cannot be had: a clause without a final stop that names the
  // capability ("KVM_CAP_HYPERV_ENLIGHTENED_VMCS is 0 on this machine"). Empty: it can.
  std::array<std::string, kEnlightenmentCount> reasons;
  // For each enlightenment that can be had but often costs more than it saves, why: a clause as
  // above. A preset, which is advice, does not bring it.
  std::array<std::string, kEnlightenmentCount> drawbacks;
  // For each enlightenment that can be had but is not among what hv_passthrough passes through,
  // why: a clause as above.
  std::array<std::string, kEnlightenmentCount> beyond_passthrough;
  // The spinlock attempts that hv_passthrough takes where hv_spinlocks does not say.
  uint32_t passthrough_spinlocks = tlfs::kSpinlocksNever;

  // Why `e` cannot be had; Can, whether it can.
  [[nodiscard]] const std::string& reason(Enlightenment e) const { return reasons[Index(e)]; }
  [[nodiscard]] bool Can(Enlightenment e) const { return reason(e).empty(); }
};

// What Resolve found.
struct Resolution {
  EnlightenmentSet in_force;
  // For each enlightenment that is not in force, why; empty for those that are.
  std::array<std::string, kEnlightenmentCount> absent;

  // Why `e` is not in force; empty if it is.
  [[nodiscard]] const std::string& absent_reason(Enlightenment e) const { return absent[Index(e)]; }
};

// Checks that everything named has what it needs. Under hv_passthrough only what was named off
// counts as missing, since the rest depends on the machine; likewise what a preset wishes.
// kInvalidArgument names the first enlightenment that lacks something, all that it lacks, and the
// remedy.
[[nodiscard]] absl::Status CheckDependencies(const CpuSpec& spec);

// The set in force:
// - everything named must be had: otherwise kFailedPrecondition, naming each with its reason;
// - hv_passthrough takes all of QEMU's that can be had and whose needs can be had, but not
//   hv_syndbg, not ours, nothing of Ability::beyond_passthrough, and nothing that was named off.
//   Identity stays as it was asked for (QEMU copies KVM's "Linux KVM Hv", which Linux does not take
//   for Hyper-V);
// - members of a preset (CpuSpec::wished) are taken where they and their needs can be had, but none
//   with a drawback;
// - what something named needs is taken all the same, where a preset or hv_passthrough has it;
// - hv_enforce_cpuid is taken if it can be had, unless named off;
// - hv_no_nonarch_coresharing=auto and hv_passthrough take that one if it can be had.
// Without Hyper-V (EnlightenmentSet::Enabled) the set in force is empty but for the identity.
[[nodiscard]] absl::StatusOr<Resolution> Resolve(const CpuSpec& spec, const Ability& ability);

// One line of advice for each thing in the set that works better with something absent.
[[nodiscard]] std::vector<std::string> Advice(const EnlightenmentSet& set);

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_ENLIGHTENMENTS_RESOLVE_H_
