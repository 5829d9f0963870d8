// What the user back end can give a guest on this machine, enlightenment by enlightenment, with the
// reason for each that it cannot. Sources: the KVM_CAP_* that each part of the back end is built on
// (the kernel's KVM API documentation); the kernel's admin-guide/hw-vuln and
// Documentation/ABI/testing/sysfs-devices-system-cpu for simultaneous multithreading.
//
// hv_tlbflush is there and works, but has a drawback (hyperv::Ability::drawbacks).
//
// But for AutoEOI (auto_eoi.h) this back end is the same with and without KVM's own Hyper-V
// emulation. Where there is one hv_passthrough is, as in QEMU, what that has: the same on both back
// ends. Where there is none it is everything.
#ifndef HVKIT_VCPU_HYPERV_KVM_USER_ABILITY_H_
#define HVKIT_VCPU_HYPERV_KVM_USER_ABILITY_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "hyperv/enlightenments/resolve.h"
#include "hyperv/tlfs/cpuid.h"
#include "vcpu/hyperv_kvm/kernel_ability.h"

namespace hvkit::vcpu {

// Whether two virtual processors can come to share a physical core.
enum class CoreSharing : uint8_t {
  kPossible,
  kImpossible,  // the processor has one thread per core, or the others are off until reboot
  kUnknown,     // the kernel does not say
};

// CPUID bits of the set in force that this back end does not show its guests.
inline constexpr std::array<const hyperv::tlfs::CpuidBit*, 1> kWithheldBits = {
    &hyperv::tlfs::bits::kUseApicMsrs,  // each is an exit to user space, unlike the APIC's own
};

// From the text of /sys/devices/system/cpu/smt/control.
[[nodiscard]] CoreSharing ParseSmtControl(absl::string_view control);
// Reads that file.
[[nodiscard]] CoreSharing QueryCoreSharing();

// The judgement alone, so that it is tested without KVM. Pure: thread-safe.
[[nodiscard]] hyperv::Ability UserAbility(const KernelFacts& facts, CoreSharing core_sharing);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_USER_ABILITY_H_
