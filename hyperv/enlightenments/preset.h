// Presets: sets of enlightenments by the guest that they are for, as `hv=windows` inside `--cpu`.
//
// A preset is a wish: what the machine cannot give is left out with its reason, so that one command
// line serves every machine; what is named besides it stays a demand. The members and the reasons
// are this project's choice, after the recommendations in QEMU's docs/system/i386/hyperv.rst and
// what Linux's arch/x86/hyperv asks for. Immutable.
#ifndef HVKIT_HYPERV_ENLIGHTENMENTS_PRESET_H_
#define HVKIT_HYPERV_ENLIGHTENMENTS_PRESET_H_

#include <cstdint>
#include <span>

#include "absl/strings/string_view.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/tlfs/cpuid.h"

namespace hvkit::hyperv {

// An enlightenment of a preset.
struct PresetMember {
  Enlightenment id;
  absl::string_view reason;  // Why a guest of this kind is given it: a clause without a final stop
};

// A named set. The texts are literals.
struct Preset {
  absl::string_view name;                      // "windows"
  absl::string_view summary;                   // One sentence
  absl::string_view base = "";                 // Another preset, all of whose members it has too
  std::span<const PresetMember> own;           // Its members besides those of `base`
  EnlightenmentMask members;                   // All of them
  uint32_t spinlocks = tlfs::kSpinlocksNever;  // The value of hv_spinlocks, if it is a member
};

// In the order in which the documents have them.
[[nodiscard]] std::span<const Preset> AllPresets();

// Null where there is none of that name.
[[nodiscard]] const Preset* FindPreset(absl::string_view name);

// Why `preset` has `e`, of its own or from its base; empty if it does not have it.
[[nodiscard]] absl::string_view PresetReason(const Preset& preset, Enlightenment e);

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_ENLIGHTENMENTS_PRESET_H_
