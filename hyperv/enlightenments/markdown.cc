#include "hyperv/enlightenments/markdown.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/enlightenments/preset.h"
#include "hyperv/tlfs/cpuid.h"

namespace hvkit::hyperv {
namespace {

constexpr absl::string_view kIntroduction =
    R"(<!-- Written by `bazel run //hyperv/enlightenments:print_markdown`: do not edit. -->
# Enlightenments

An enlightenment is one thing of Hyper-V's that a guest is given. They are named in `--cpu`, in QEMU's syntax:

    --cpu=host,hv_relaxed,hv_vpindex,hv_time,hv-spinlocks=0x1fff,hv_vendor_id=ABC,kvm=off

- `hv-x` and `hv_x` are the same. A bare name means `=on`; `on|off`, `yes|no`, `true|false` and `y|n` are understood.
  Of several mentions of one name the last counts. Numbers are decimal, or hexadecimal after `0x`.
- Nothing is on unless named, save `hv_enforce_cpuid`. The guest is shown Hyper-V as soon as one name is in force that
  gives it something; those in the last table alone do not, nor does `hv_no_nonarch_coresharing`.
- With Hyper-V, KVM's own leaves move from 0x40000000 to 0x40000100; `kvm=off` drops them.
- A name without what it needs is refused (exit status 2), and so is one that the machine cannot give (exit status 3).
- Besides the bits in the tables, leaf 0x40000003 always has EAX bit 5 (AccessHypercallMsrs) and EDX bit 3
  (CpuDynamicPartitioning), leaf 0x40000004 EBX is `hv_spinlocks`, and with `hv_evmcs` leaf 0x4000000a EAX 15:0 is the range
  of versions.

Where this departs from QEMU: `hv_enforce_cpuid` is on by default. Under `hv_passthrough` a name that is off stays off, and
so does what needs it; the vendor and the version stay as asked for, since Linux does not take KVM's "Linux KVM Hv" for
Hyper-V. A `hv_vendor_id` that is too long is refused, not cut. Numbers with a leading zero, `+feature` and `-feature` are
refused. `hv_syndbg` shows the Debugging privilege, in the TLFS's place.
)";

constexpr absl::string_view kPresetsIntroduction = R"(
## Presets
`hv=PRESET` inside `--cpu` stands for a set: `--cpu=host,hv=windows,hv_crash=off`. It is a wish: a member that this machine or
back end cannot give is left out with its reason (`--events`, `--probe`), so that one command line serves every machine, while
what is named besides it is a demand. A name that is off stays off, and so does what needs it. Of several presets the
last counts. QEMU has no presets; `vmm --convert` spells them out. Left out of `windows` and `linux` is what only
a guest with a hypervisor of its own uses, what recent versions no longer use (`hv_reset`), and what is for debugging.
)";

constexpr absl::string_view kTableHead =
    "| Name | What it is | Needs | CPUID bits | MSRs |\n|---|---|---|---|---|\n";

std::string Hex(uint32_t number) { return absl::StrCat("0x", absl::Hex(number)); }

// How to write it, as code.
std::string Form(const EnlightenmentInfo& info) {
  switch (info.kind) {
    case EnlightenmentKind::kNumber:
      return absl::StrCat("`", info.name, "=N`, N up to ", Hex(info.max));
    case EnlightenmentKind::kText:
      return absl::StrCat("`", info.name, "=S`, S up to ", info.max, " characters");
    case EnlightenmentKind::kOnOffAuto:
      return absl::StrCat("`", info.name, "=on\\|off\\|auto`");
    case EnlightenmentKind::kFlag:
      break;
  }
  const std::string alias = info.alias.empty() ? "" : absl::StrCat(" or `", info.alias, "`");
  return absl::StrCat("`", info.name, "`", alias);
}

std::string Names(EnlightenmentMask mask) {
  std::vector<std::string> names;
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (mask.Has(info.id)) names.push_back(absl::StrCat("`", info.name, "`"));
  }
  return absl::StrJoin(names, ", ");
}

std::string Needs(const EnlightenmentInfo& info) {
  std::string needs = Names(info.needs);
  if (info.wants.empty()) return needs;
  return absl::StrCat(needs, needs.empty() ? "" : "; ", "better with ", Names(info.wants));
}

absl::string_view RegisterName(tlfs::CpuidRegister reg) {
  constexpr absl::string_view kNames[] = {"EAX", "EBX", "ECX", "EDX"};
  return kNames[static_cast<size_t>(reg)];
}

std::string CpuidBits(const EnlightenmentInfo& info) {
  std::vector<std::string> bits;
  for (const tlfs::CpuidBit* bit : info.cpuid_bits) {
    bits.push_back(absl::StrCat(Hex(static_cast<uint32_t>(bit->leaf)), " ", RegisterName(bit->reg),
                                " ", bit->bit, " ", bit->name));
  }
  return absl::StrJoin(bits, "; ");
}

std::string Msrs(const EnlightenmentInfo& info) {
  std::vector<std::string> ranges;
  for (const MsrRange& range : info.msrs) {
    std::string text = Hex(static_cast<uint32_t>(range.first));
    if (range.last != range.first) {
      absl::StrAppend(&text, "..", Hex(static_cast<uint32_t>(range.last)));
    }
    ranges.push_back(std::move(text));
  }
  return absl::StrJoin(ranges, ", ");
}

std::string Row(const EnlightenmentInfo& info) {
  return absl::StrCat("| ", Form(info), " | ", info.summary, " | ", Needs(info), " | ",
                      CpuidBits(info), " | ", Msrs(info), " |\n");
}

enum class Section { kQemu, kOurs, kIdentity };

Section SectionOf(const EnlightenmentInfo& info) {
  if (info.origin == EnlightenmentOrigin::kHvkit) return Section::kOurs;
  const bool gives_something = info.turns_on_hyperv || !info.cpuid_bits.empty();
  return gives_something ? Section::kQemu : Section::kIdentity;
}

std::string Table(Section section) {
  std::string table(kTableHead);
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (SectionOf(info) == section) absl::StrAppend(&table, Row(info));
  }
  return table;
}

std::string PresetHead(const Preset& preset) {
  const std::string base =
      preset.base.empty() ? "" : absl::StrCat(" All of `hv=", preset.base, "`, and:");
  return absl::StrCat("\n### `hv=", preset.name, "`\n", preset.summary, base, "\n");
}

std::string PresetSection(const Preset& preset) {
  std::string section = PresetHead(preset);
  if (!preset.own.empty()) absl::StrAppend(&section, "\n| Name | Why |\n|---|---|\n");
  for (const PresetMember& member : preset.own) {
    absl::StrAppend(&section, "| `", Name(member.id), "` | ", member.reason, " |\n");
  }
  return section;
}

std::string Presets() {
  std::string text(kPresetsIntroduction);
  for (const Preset& preset : AllPresets()) absl::StrAppend(&text, PresetSection(preset));
  return text;
}

}  // namespace

std::string EnlightenmentsMarkdown() {
  return absl::StrCat(
      kIntroduction, "\n## Those of QEMU\n", Table(Section::kQemu),
      "\n## Ours\nQEMU has no flag for these. They are off unless named, even under "
      "`hv_passthrough`.\n\n",
      Table(Section::kOurs), "\n## Identity and enforcement\n", Table(Section::kIdentity),
      Presets());
}

}  // namespace hvkit::hyperv
