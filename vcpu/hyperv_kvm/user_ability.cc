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
    {Enlightenment::kReenlightenment,
     "user space cannot trap RDTSC, so it cannot emulate the old TSC frequency after a migration"},
    {Enlightenment::kGuestIdle,
     "KVM wakes an idle virtual processor only for interrupts that its RFLAGS let through"},
};

// What works and does not pay. Measured with the benchmark of mprotect() in a Linux guest of two
// processors: where the other one sleeps, Linux's own flush leaves it alone, and a flush by
// hypercall wakes it, for tens of times the time; where it runs, the hypercall waits for an
// exit to user space and the flush waits for three more ioctls, against one interrupt.
constexpr char kFlushFromUserSpace[] =
    "a flush from user space makes each virtual processor leave KVM_RUN, which costs more than the "
    "guest's own interrupts";
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
  return ability;
}

}  // namespace hvkit::vcpu
