#include "hyperv/enlightenments/cpu_flag.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "hyperv/enlightenments/preset.h"
#include "hyperv/enlightenments/resolve.h"

namespace hvkit::hyperv {
namespace {

constexpr absl::string_view kExample = "--cpu=host,hv_relaxed,hv_vpindex";

template <typename... Parts>
absl::Status Refuse(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat("--cpu: ", parts...));
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape(text), "\"");
}

// One comma-separated piece: `name` or `name=value`.
struct Piece {
  absl::string_view name;
  std::optional<absl::string_view> value;
};

Piece SplitPiece(absl::string_view text) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

// on|off as QEMU reads it; a bare name means on.
std::optional<bool> ParseSwitch(std::optional<absl::string_view> value) {
  if (!value) return true;
  for (absl::string_view word : {"on", "yes", "true", "y"}) {
    if (*value == word) return true;
  }
  for (absl::string_view word : {"off", "no", "false", "n"}) {
    if (*value == word) return false;
  }
  return std::nullopt;
}

// Decimal, or hexadecimal after 0x. A leading zero would mean octal to QEMU: refused.
std::optional<uint32_t> ParseNumber(absl::string_view text, uint32_t max) {
  int base = 10;
  if (absl::StartsWithIgnoreCase(text, "0x")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    return std::nullopt;
  }
  uint32_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc() || rest != end || number > max) return std::nullopt;
  return number;
}

// Levenshtein distance.
size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// The known name most like `name`, or empty if none is close.
absl::string_view Nearest(absl::string_view name) {
  absl::string_view best;
  size_t best_distance = std::max<size_t>(2, name.size() / 3) + 1;
  const auto consider = [&](absl::string_view candidate) {
    const auto [shorter, longer] = std::minmax({name.size(), candidate.size()});
    if (longer - shorter >= best_distance) return;  // they are at least that far apart
    const size_t distance = Distance(name, candidate);
    if (distance >= best_distance) return;
    best_distance = distance;
    best = candidate;
  };
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    consider(info.name);
    if (!info.alias.empty()) consider(info.alias);
  }
  return best;
}

absl::Status RefuseUnknown(absl::string_view name) {
  if (absl::StartsWith(name, "+") || absl::StartsWith(name, "-")) {
    return Refuse("unknown feature ", Quoted(name), "; write feature=on or feature=off");
  }
  const absl::string_view trimmed = absl::StripAsciiWhitespace(name);
  std::string plain = absl::StrCat(absl::StartsWith(trimmed, "hv") ? "" : "hv_", trimmed);
  std::replace(plain.begin(), plain.end(), '-', '_');
  const absl::string_view nearest = Nearest(plain);
  if (nearest.empty()) {
    return Refuse("unknown feature ", Quoted(name),
                  "; known are kvm=on|off and the names in --list-enlightenments");
  }
  return Refuse("unknown feature ", Quoted(name), "; did you mean ", nearest, "?");
}

void AddNumber(Enlightenment e, uint32_t number, EnlightenmentSet& set) {
  HypervisorVersion& version = set.version();
  switch (e) {
    case Enlightenment::kSpinlocks:
      set.set_spinlocks(number);
      return;
    case Enlightenment::kVersionIdBuild:
      version.build = number;
      break;
    case Enlightenment::kVersionIdMajor:
      version.major_version = static_cast<uint16_t>(number);
      break;
    case Enlightenment::kVersionIdMinor:
      version.minor_version = static_cast<uint16_t>(number);
      break;
    case Enlightenment::kVersionIdSpack:
      version.service_pack = number;
      break;
    case Enlightenment::kVersionIdSbranch:
      version.service_branch = static_cast<uint8_t>(number);
      break;
    default:  // The table has one number more, hv_version_id_snumber
      version.service_number = number;
      break;
  }
  set.Add(e);
}

absl::Status ApplySwitch(const EnlightenmentInfo& info, const Piece& piece, CpuSpec& spec) {
  const bool is_auto = piece.value == "auto";
  const bool may_be_auto = info.kind == EnlightenmentKind::kOnOffAuto;
  const std::optional<bool> on = ParseSwitch(piece.value);
  if (!on && !(is_auto && may_be_auto)) {
    return Refuse(info.name, "=", Quoted(*piece.value), " is not a switch; write ", info.name,
                  may_be_auto ? "=on|off|auto" : "=on|off");
  }
  if (may_be_auto) spec.auto_coresharing = is_auto;
  spec.requested.Remove(info.id);
  spec.refused.Remove(info.id);
  if (is_auto) return absl::OkStatus();
  if (*on) {
    spec.requested.Add(info.id);
  } else {
    spec.refused.Add(info.id);
  }
  return absl::OkStatus();
}

absl::Status ApplyNumber(const EnlightenmentInfo& info, const Piece& piece, CpuSpec& spec) {
  const std::string range = absl::StrCat("0..0x", absl::Hex(info.max));
  if (!piece.value) {
    return Refuse(info.name, " needs a number; write ", info.name, "=N with N in ", range);
  }
  const std::optional<uint32_t> number = ParseNumber(*piece.value, info.max);
  if (!number) {
    return Refuse(info.name, "=", Quoted(*piece.value),
                  " is not a number in range; write decimal or 0x and hexadecimal, in ", range);
  }
  AddNumber(info.id, *number, spec.requested);
  spec.refused.Remove(info.id);
  if (!spec.requested.Has(info.id)) spec.refused.Add(info.id);  // hv_spinlocks=0xffffffff
  return absl::OkStatus();
}

absl::Status ApplyText(const EnlightenmentInfo& info, const Piece& piece, CpuSpec& spec) {
  const absl::string_view text = piece.value.value_or("");
  if (text.empty()) {
    return Refuse(info.name, " needs a text; write ", info.name, "=S with 1 to ", info.max,
                  " characters");
  }
  if (text.size() > info.max) {
    return Refuse(info.name, "=", Quoted(text), " has ", text.size(), " characters; write at most ",
                  info.max);
  }
  if (!std::all_of(text.begin(), text.end(),
                   [](char c) { return absl::ascii_isprint(static_cast<unsigned char>(c)); })) {
    return Refuse(info.name, "=", Quoted(text), " is not plain text; write printable ASCII");
  }
  spec.requested.Add(info.id);
  spec.requested.set_vendor_id(text);
  return absl::OkStatus();
}

absl::Status ApplyKvm(const Piece& piece, CpuSpec& spec) {
  const std::optional<bool> on = ParseSwitch(piece.value);
  if (!on) return Refuse("kvm=", Quoted(*piece.value), " is not a switch; write kvm=on|off");
  spec.kvm = *on;
  return absl::OkStatus();
}

absl::Status ApplyPreset(const Piece& piece, CpuSpec& spec) {
  const Preset* const preset = FindPreset(piece.value.value_or(""));
  if (preset == nullptr) {
    std::vector<absl::string_view> names;
    for (const Preset& known : AllPresets()) names.push_back(known.name);
    return Refuse("hv=", Quoted(piece.value.value_or("")),
                  " is not a preset; write hv=", absl::StrJoin(names, "|"));
  }
  spec.wished = preset->members;
  spec.wished_spinlocks = preset->spinlocks;
  return absl::OkStatus();
}

absl::Status ApplyPiece(absl::string_view text, CpuSpec& spec) {
  const Piece piece = SplitPiece(text);
  if (piece.name.empty()) {
    return Refuse("a feature has no name, in ", Quoted(text), "; write features as in ", kExample);
  }
  if (piece.name == "kvm") return ApplyKvm(piece, spec);
  if (piece.name == "hv") return ApplyPreset(piece, spec);
  const std::optional<Enlightenment> e = FindEnlightenment(piece.name);
  if (!e) return RefuseUnknown(piece.name);
  switch (Info(*e).kind) {
    case EnlightenmentKind::kNumber:
      return ApplyNumber(Info(*e), piece, spec);
    case EnlightenmentKind::kText:
      return ApplyText(Info(*e), piece, spec);
    case EnlightenmentKind::kFlag:
    case EnlightenmentKind::kOnOffAuto:
      break;
  }
  return ApplySwitch(Info(*e), piece, spec);
}

}  // namespace

absl::StatusOr<CpuSpec> ParseCpuFlagSyntax(absl::string_view value) {
  const std::vector<absl::string_view> pieces = absl::StrSplit(value, ',');
  if (pieces[0] != "host") {
    return Refuse("CPU model ", Quoted(pieces[0]), " is not supported; use host, as in ", kExample);
  }
  CpuSpec spec;
  for (size_t i = 1; i < pieces.size(); ++i) {
    if (absl::Status applied = ApplyPiece(pieces[i], spec); !applied.ok()) return applied;
  }
  return spec;
}

absl::StatusOr<CpuSpec> ParseCpuFlag(absl::string_view value) {
  absl::StatusOr<CpuSpec> spec = ParseCpuFlagSyntax(value);
  if (!spec.ok()) return spec;
  if (absl::Status complete = CheckDependencies(*spec); !complete.ok()) return complete;
  return spec;
}

}  // namespace hvkit::hyperv
