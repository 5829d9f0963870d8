#include "vcpu/hyperv_kvm/user_ability.h"

#include <array>
#include <fstream>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "kvm_ioctls/cap.h"
#include "kvm_ioctls/kvm_compat.h"

namespace hvkit::vcpu {
namespace {

using hyperv::Enlightenment;

constexpr char kSmtControlPath[] = "/sys/devices/system/cpu/smt/control";

// What the back end as a whole is built on.
struct Need {
  uint32_t cap;
  const char* purpose;
};
constexpr Need kNeeds[] = {
    {KVM_CAP_X86_USER_SPACE_MSR, "to serve MSRs in user space"},
    {KVM_CAP_X86_MSR_FILTER, "to intercept the synthetic MSRs"},
    {KVM_CAP_IRQCHIP, "for local APICs in the kernel"},
    {KVM_CAP_SIGNAL_MSI, "to send interrupts"},
    {KVM_CAP_IMMEDIATE_EXIT, "to make a VP leave the guest"},
    {KVM_CAP_GET_TSC_KHZ, "to know the guest's TSC frequency"},
    {KVM_CAP_VCPU_ATTRIBUTES, "to know the guest's TSC offset"},
};

struct Remark {
  Enlightenment enlightenment;
  const char* reason;
};

// What no capability of KVM's brings.
constexpr char kNestedInKvm[] =
    "it is part of KVM's emulation of VMX and SVM, which user space cannot extend";
constexpr Remark kAbsences[] = {
    {Enlightenment::kEvmcs, kNestedInKvm},
    {Enlightenment::kTlbFlushDirect, kNestedInKvm},
    {Enlightenment::kEmsrBitmap, kNestedInKvm},
    {Enlightenment::kGuestIdle,
     "KVM wakes an idle virtual processor only for interrupts that its RFLAGS let through"},
};

// What works and does not always pay. Measured in the rig with mprotect() in a Linux guest of two
// processors, of which the second sleeps: Linux's own flush leaves that one alone and takes 0.06
// ms, a flush by hypercall makes it leave KVM_RUN and takes 1.3 ms (0.18 ms in KVM). Where both
// run, on one processor of the host, it is the other way round: 15 ms against 2.6 ms (0.22 ms in
// KVM).
constexpr char kFlushFromUserSpace[] =
    "a flush from user space makes each virtual processor leave KVM_RUN, even one that sleeps, "
    "which "
    "the guest's own flush would leave alone";
constexpr Remark kDrawbacks[] = {
    {Enlightenment::kTlbFlush, kFlushFromUserSpace},
    {Enlightenment::kTlbFlushExt, kFlushFromUserSpace},
};

// Why there is no user back end at all here; empty if there is.
std::string Lack(const KernelFacts& facts) {
  for (const Need& need : kNeeds) {
    if (facts.Capability(need.cap) != 0) continue;
    return absl::StrCat(kvm::CapName(need.cap), ", ", need.purpose, ", is 0 on this machine");
  }
  return "";
}

std::string CoreSharingLack(CoreSharing core_sharing) {
  switch (core_sharing) {
    case CoreSharing::kImpossible:
      return "";
    case CoreSharing::kPossible:
      return absl::StrCat("this machine's cores have several threads each (", kSmtControlPath, ")");
    case CoreSharing::kUnknown:
      break;
  }
  return absl::StrCat("the kernel does not say in ", kSmtControlPath,
                      " whether cores have several threads");
}

// Why `e` cannot be had where the back end can; empty if it can.
std::string Reason(Enlightenment e, CoreSharing core_sharing) {
  if (e == Enlightenment::kNoNonarchCoresharing) return CoreSharingLack(core_sharing);
  for (const Remark& absence : kAbsences) {
    if (absence.enlightenment == e) return absence.reason;
  }
  return "";
}

std::string BeyondKvm(const std::string& reason) {
  return absl::StrCat("hv_passthrough is what KVM's own Hyper-V has, and ", reason);
}

}  // namespace

// The kernel's own rule for "impossible", cpu_smt_possible().
CoreSharing ParseSmtControl(absl::string_view control) {
  control = absl::StripAsciiWhitespace(control);
  if (control == "forceoff" || control == "notsupported") return CoreSharing::kImpossible;
  if (control == "on" || control == "off") return CoreSharing::kPossible;
  return CoreSharing::kUnknown;
}

CoreSharing QueryCoreSharing() {
  std::ifstream file(kSmtControlPath);
  std::string control;
  if (!std::getline(file, control)) return CoreSharing::kUnknown;
  return ParseSmtControl(control);
}

hyperv::Ability UserAbility(const KernelFacts& facts, CoreSharing core_sharing) {
  const std::string lack = Lack(facts);
  hyperv::Ability ability;
  for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    ability.reasons[hyperv::Index(info.id)] = lack.empty() ? Reason(info.id, core_sharing) : lack;
  }
  for (const Remark& remark : kDrawbacks) {
    ability.drawbacks[hyperv::Index(remark.enlightenment)] = remark.reason;
  }
  if (!facts.hv_leaves.empty()) {
    for (size_t i = 0; const std::string& reason : KernelAbility(facts).reasons) {
      if (!reason.empty()) ability.beyond_passthrough[i] = BeyondKvm(reason);
      ++i;
    }
  }
  return ability;
}

}  // namespace hvkit::vcpu
