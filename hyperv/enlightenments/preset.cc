#include "hyperv/enlightenments/preset.h"

#include <algorithm>
#include <array>

namespace hvkit::hyperv {
namespace {

using enum Enlightenment;

// What QEMU's documentation recommends and most libvirt domains have.
constexpr uint32_t kUsualSpinlocks = 0x1FFF;

constexpr PresetMember kWindows[] = {
    {kRelaxed, "a host that is late must not stop Windows with CLOCK_WATCHDOG_TIMEOUT"},
    {kVapic, "most EOIs then need no exit"},
    {kSpinlocks, "a processor that waits for one that does not run gives way after 0x1fff tries"},
    {kVpIndex, "the hypercalls and the synthetic interrupt controller name processors by it"},
    {kRuntime, "threads are charged the time that they ran, not what the host took"},
    {kCrash, "a stop code reaches the host"},
    {kTime, "the clock is read without an exit"},
    {kSynic, "synthetic timers and VMBus need it"},
    {kStimer, "it replaces the periodic ticks of RTC and HPET: an idle guest costs little"},
    {kStimerDirect, "a timer expires with one interrupt and no message"},
    {kTlbFlush, "a processor that does not run need not be woken to flush its TLB"},
    {kTlbFlushExt, "large pages are flushed as one"},
    {kIpi, "one exit for an interrupt to many processors"},
    {kFrequencies, "nothing is measured at boot, and nothing measured wrong on a busy host"},
    {kXmmInput, "more hypercalls pass their parameters in registers"},
    {kAvic, "AutoEOI, which Windows no longer needs, would keep APICv and AVIC off"},
};

constexpr PresetMember kLinux[] = {
    {kVapic, "the VP assist page: most EOIs then need no exit"},
    {kVpIndex, "Linux asks for it first, and names processors by it"},
    {kCrash, "a panic reaches the host"},
    {kTime, "the clock source hyperv_clocksource_tsc_page"},
    {kSynic, "VMBus and the timers that expire with a message need it"},
    {kStimer, "the clock event device \"Hyper-V clockevent\""},
    {kStimerDirect, "the clock event device without VMBus's driver"},
    {kTlbFlush, "a processor that does not run need not be woken to flush its TLB"},
    {kIpi, "one exit for an interrupt to many processors"},
    {kFrequencies, "nothing is measured at boot"},
    {kAvic, "Linux then uses no AutoEOI, and its own x2APIC registers instead of MSRs"},
};

constexpr PresetMember kHyperV[] = {
    {kReset, "older Hyper-V resets the machine by it"},
    {kReenlightenment, "Hyper-V gives its own guests a TSC page only with notice of migration"},
    {kEvmcs, "exits of nested guests get cheaper, on Intel"},
    {kTlbFlushDirect, "flushes of nested guests no longer pass through the guest's hypervisor"},
    {kEmsrBitmap, "the MSR bitmap of a nested guest is not rebuilt at each entry"},
};

constexpr EnlightenmentMask MaskOf(std::span<const PresetMember> members) {
  EnlightenmentMask mask;
  for (const PresetMember& member : members) mask.Add(member.id);
  return mask;
}

// Every switch but two: a debugger's channel, and another way of asking for all.
EnlightenmentMask Everything() {
  EnlightenmentMask mask{kSpinlocks};
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    const bool is_switch =
        info.kind == EnlightenmentKind::kFlag || info.kind == EnlightenmentKind::kOnOffAuto;
    if (is_switch && info.id != kSyndbg && info.id != kPassthrough) mask.Add(info.id);
  }
  return mask;
}

const std::array<Preset, 4>& Presets() {
  static const std::array<Preset, 4> presets = {
      Preset{.name = "windows",
             .summary = "A Windows guest that runs no hypervisor of its own.",
             .own = kWindows,
             .members = MaskOf(kWindows),
             .spinlocks = kUsualSpinlocks},
      Preset{.name = "linux",
             .summary = "A Linux guest: what Linux makes use of, and nothing else.",
             .own = kLinux,
             .members = MaskOf(kLinux)},
      Preset{.name = "hyper-v",
             .summary = "A guest that is or has Hyper-V itself: Hyper-V Server, Windows with WSL2, "
                        "Windows Sandbox or virtualization-based security.",
             .base = "windows",
             .own = kHyperV,
             .members = MaskOf(kWindows) | MaskOf(kHyperV),
             .spinlocks = kUsualSpinlocks},
      Preset{.name = "all",
             .summary = "Everything there is, those without a flag in QEMU too, for tests; not "
                        "hv_syndbg, at which Windows waits for a debugger.",
             .own = {},
             .members = Everything(),
             .spinlocks = kUsualSpinlocks}};
  return presets;
}

}  // namespace

std::span<const Preset> AllPresets() { return Presets(); }

const Preset* FindPreset(absl::string_view name) {
  const auto found = std::find_if(Presets().begin(), Presets().end(),
                                  [name](const Preset& preset) { return preset.name == name; });
  return found == Presets().end() ? nullptr : &*found;
}

absl::string_view PresetReason(const Preset& preset, Enlightenment e) {
  if (!preset.members.Has(e)) return "";
  for (const PresetMember& member : preset.own) {
    if (member.id == e) return member.reason;
  }
  const Preset* const base = FindPreset(preset.base);
  return base == nullptr ? "it has everything" : PresetReason(*base, e);
}

}  // namespace hvkit::hyperv
