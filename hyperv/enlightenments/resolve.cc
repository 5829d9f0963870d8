#include "hyperv/enlightenments/resolve.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace hvkit::hyperv {
namespace {

constexpr absl::string_view kNotNamed = "not named in --cpu";
constexpr absl::string_view kNoHyperv = "nothing in --cpu turns Hyper-V on";

bool IsIdentity(const EnlightenmentInfo& info) {
  return info.kind != EnlightenmentKind::kFlag && info.cpuid_bits.empty() && !info.turns_on_hyperv;
}

std::vector<absl::string_view> Names(EnlightenmentMask mask) {
  std::vector<absl::string_view> names;
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (mask.Has(info.id)) names.push_back(info.name);
  }
  return names;
}

// "a", "a and b", "a, b and c".
std::string Enumerate(const std::vector<absl::string_view>& names) {
  if (names.size() < 2) return absl::StrJoin(names, "");
  return absl::StrCat(absl::StrJoin(names.begin(), names.end() - 1, ", "), " and ", names.back());
}

absl::Status RefuseIncomplete(const EnlightenmentInfo& info, EnlightenmentMask missing) {
  const std::vector<absl::string_view> names = Names(missing);
  return absl::InvalidArgumentError(absl::StrCat("--cpu: ", info.name, " needs ", Enumerate(names),
                                                 "; add ", absl::StrJoin(names, ","), " or drop ",
                                                 info.name));
}

// Whether hv_passthrough may take it.
bool InPassthrough(const EnlightenmentInfo& info) {
  return info.origin == EnlightenmentOrigin::kQemu && info.kind == EnlightenmentKind::kFlag &&
         info.turns_on_hyperv && info.id != Enlightenment::kSyndbg;
}

using Reasons = std::array<std::string, kEnlightenmentCount>;

EnlightenmentMask WithReason(const Reasons& reasons) {
  EnlightenmentMask mask;
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (!reasons[Index(info.id)].empty()) mask.Add(info.id);
  }
  return mask;
}

// What is asked for by name, itself or as something's need.
EnlightenmentMask Asked(const CpuSpec& spec) {
  EnlightenmentMask asked = spec.requested.mask();
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (spec.requested.Has(info.id)) asked = asked | AllNeeds(info.id);
  }
  return asked;
}

EnlightenmentMask AllOfPassthrough() {
  EnlightenmentMask all{Enlightenment::kNoNonarchCoresharing};
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (InPassthrough(info)) all.Add(info.id);
  }
  return all;
}

// What is taken besides the named, before the machine is asked.
EnlightenmentMask TakenByDefault(const CpuSpec& spec, const Ability& ability) {
  const EnlightenmentMask asked = Asked(spec);
  EnlightenmentMask taken{Enlightenment::kEnforceCpuid};
  if (spec.auto_coresharing) taken.Add(Enlightenment::kNoNonarchCoresharing);
  taken = taken | (spec.wished - (WithReason(ability.drawbacks) - asked));
  if (spec.requested.Has(Enlightenment::kPassthrough)) {
    taken = taken | (AllOfPassthrough() - (WithReason(ability.beyond_passthrough) - asked));
  }
  return taken - spec.refused;
}

// Why `e`, which can be had, is not taken by whoever does not name it; empty if it only was not
// named.
std::string WhyNotTaken(Enlightenment e, const CpuSpec& spec, const Ability& ability) {
  const std::string& beyond = ability.beyond_passthrough[Index(e)];
  if (spec.requested.Has(Enlightenment::kPassthrough) && !beyond.empty()) return beyond;
  return ability.drawbacks[Index(e)];
}

// The reason of each enlightenment that the machine lacks itself or through what it needs.
Reasons LackReasons(const CpuSpec& spec, const Ability& ability) {
  Reasons reasons = ability.reasons;
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (!ability.Can(info.id)) continue;
    for (const EnlightenmentInfo& need : AllEnlightenments()) {
      if (!AllNeeds(info.id).Has(need.id)) continue;
      std::string& reason = reasons[Index(info.id)];
      if (spec.refused.Has(need.id)) reason = absl::StrCat("needs ", need.name, ", named off");
      if (!ability.Can(need.id)) {
        reason = absl::StrCat("needs ", need.name, ": ", ability.reason(need.id));
      }
    }
  }
  return reasons;
}

absl::Status RefuseUnable(EnlightenmentMask unable, const Reasons& reasons) {
  std::vector<std::string> parts;
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (!unable.Has(info.id)) continue;
    parts.push_back(absl::StrCat(info.name, " cannot be had here: ", reasons[Index(info.id)]));
  }
  return absl::FailedPreconditionError(absl::StrCat("--cpu: ", absl::StrJoin(parts, "; ")));
}

std::string AbsentReason(const EnlightenmentInfo& info, const CpuSpec& spec,
                         const std::string& lack, const std::string& not_taken) {
  if (spec.refused.Has(info.id)) return "named off in --cpu";
  if (!lack.empty()) return lack;
  if (!not_taken.empty()) return absl::StrCat(kNotNamed, ", and not taken without: ", not_taken);
  return std::string(spec.requested.Has(info.id) ? kNoHyperv : kNotNamed);
}

EnlightenmentMask IdentityOnly(EnlightenmentMask mask) {
  EnlightenmentMask identity;
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (IsIdentity(info) && mask.Has(info.id)) identity.Add(info.id);
  }
  return identity;
}

// Makes `set` hold exactly `members`, values untouched.
void Assign(EnlightenmentMask members, EnlightenmentSet& set) {
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (members.Has(info.id)) {
      set.Add(info.id);
    } else {
      set.Remove(info.id);
    }
  }
}

// The value of a hv_spinlocks that was not named itself.
void SetSpinlocks(const CpuSpec& spec, const Ability& ability, EnlightenmentSet& set) {
  const EnlightenmentMask named = spec.requested.mask() | spec.refused;
  if (named.Has(Enlightenment::kSpinlocks)) return;
  if (set.Has(Enlightenment::kSpinlocks)) {
    set.set_spinlocks(spec.wished_spinlocks);
  } else if (set.Has(Enlightenment::kPassthrough)) {
    set.set_spinlocks(ability.passthrough_spinlocks);
  }
}

}  // namespace

absl::Status CheckDependencies(const CpuSpec& spec) {
  const bool passthrough = spec.requested.Has(Enlightenment::kPassthrough);
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (!spec.requested.Has(info.id)) continue;
    EnlightenmentMask missing =
        AllNeeds(info.id) - spec.requested.mask() - (spec.wished - spec.refused);
    if (passthrough) missing = missing & spec.refused;
    if (!missing.empty()) return RefuseIncomplete(info, missing);
  }
  return absl::OkStatus();
}

absl::StatusOr<Resolution> Resolve(const CpuSpec& spec, const Ability& ability) {
  if (absl::Status complete = CheckDependencies(spec); !complete.ok()) return complete;

  const Reasons reasons = LackReasons(spec, ability);
  const EnlightenmentMask lacking = WithReason(reasons);
  const EnlightenmentMask unable = spec.requested.mask() & lacking;
  if (!unable.empty()) return RefuseUnable(unable, reasons);

  Resolution result{.in_force = spec.requested, .absent = {}};
  Assign(spec.requested.mask() | (TakenByDefault(spec, ability) - lacking), result.in_force);
  SetSpinlocks(spec, ability, result.in_force);
  if (!result.in_force.Enabled()) {
    Assign(IdentityOnly(result.in_force.mask()), result.in_force);
  }
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (result.in_force.Has(info.id)) continue;
    result.absent[Index(info.id)] =
        AbsentReason(info, spec, reasons[Index(info.id)], WhyNotTaken(info.id, spec, ability));
  }
  return result;
}

std::vector<std::string> Advice(const EnlightenmentSet& set) {
  std::vector<std::string> lines;
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (!set.Has(info.id)) continue;
    for (absl::string_view wanted : Names(info.wants - set.mask())) {
      lines.push_back(absl::StrCat("--cpu: ", info.name, " works better with ", wanted));
    }
  }
  return lines;
}

}  // namespace hvkit::hyperv
