#include "vmm/explain.h"

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "hyperv/enlightenments/explanation.h"
#include "hyperv/enlightenments/preset.h"
#include "hyperv/msr/msr_row.h"
#include "hyperv/msr/msr_table.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/msr.h"
#include "nlohmann/json.hpp"
#include "vmm/cpuid_text.h"
#include "vmm/libvirt_xml.h"

namespace hvkit::vmm {
namespace {

using hyperv::Enlightenment;
using hyperv::EnlightenmentInfo;
using hyperv::EnlightenmentKind;
using hyperv::MsrRow;
using Json = nlohmann::ordered_json;
using Lines = std::vector<std::string>;

std::vector<std::string> Names(hyperv::EnlightenmentMask mask) {
  std::vector<std::string> names;
  for (const EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    if (mask.Has(info.id)) names.emplace_back(info.name);
  }
  return names;
}

hyperv::EnlightenmentMask NeededBy(Enlightenment e) {
  hyperv::EnlightenmentMask mask;
  for (const EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    if (info.needs.Has(e)) mask.Add(info.id);
  }
  return mask;
}

// How to write it in --cpu.
std::string Syntax(const EnlightenmentInfo& info) {
  switch (info.kind) {
    case EnlightenmentKind::kNumber:
      return absl::StrFormat("%s=N with N up to %#x", info.name, info.max);
    case EnlightenmentKind::kText:
      return absl::StrFormat("%s=S with S of 1 to %d characters", info.name, info.max);
    case EnlightenmentKind::kOnOffAuto:
      return absl::StrCat(info.name, "=on|off|auto");
    case EnlightenmentKind::kFlag:
      break;
  }
  return absl::StrCat(info.name, "=on|off", info.alias.empty() ? "" : ", or ", info.alias);
}

uint32_t ToIndex(hyperv::tlfs::MsrIndex index) { return static_cast<uint32_t>(index); }

// The instances of `row` that `range` has, first and last.
std::optional<std::pair<uint32_t, uint32_t>> Within(const MsrRow& row,
                                                    const hyperv::MsrRange& range) {
  std::optional<std::pair<uint32_t, uint32_t>> found;
  for (unsigned i = 0; i < row.instances; ++i) {
    const uint32_t index = row.IndexOf(i);
    if (index < ToIndex(range.first) || index > ToIndex(range.last)) continue;
    found = {found ? found->first : index, index};
  }
  return found;
}

Json Msrs(const EnlightenmentInfo& info) {
  Json list = Json::array();
  for (const hyperv::MsrRange& range : info.msrs) {
    for (const MsrRow& row : hyperv::MsrTable()) {
      const auto indices = Within(row, range);
      if (!indices) continue;
      list.push_back({{"first", Hex(indices->first)},
                      {"last", Hex(indices->second)},
                      {"step", row.stride},
                      {"name", row.name}});
    }
  }
  return list;
}

Json CpuidBits(const EnlightenmentInfo& info) {
  Json list = Json::array();
  for (const hyperv::tlfs::CpuidBit* bit : info.cpuid_bits) {
    list.push_back({{"leaf", Hex(static_cast<uint32_t>(bit->leaf))},
                    {"register", RegisterName(bit->reg)},
                    {"bit", bit->bit},
                    {"name", bit->name}});
  }
  return list;
}

Json Hypercalls(Enlightenment e) {
  Json list = Json::array();
  for (const hyperv::NamedCall& call : hyperv::ExplanationOf(e).calls) {
    list.push_back(
        {{"code", Hex(static_cast<uint32_t>(call.code))}, {"name", std::string(call.name)}});
  }
  return list;
}

Json Presets(Enlightenment e) {
  Json list = Json::array();
  for (const hyperv::Preset& preset : hyperv::AllPresets()) {
    if (!preset.members.Has(e)) continue;
    list.push_back({{"name", std::string(preset.name)},
                    {"reason", std::string(hyperv::PresetReason(preset, e))}});
  }
  return list;
}

Json Backend(const std::optional<std::string>& refusal) {
  Json json = {{"available", !refusal.has_value()}};
  if (refusal.has_value()) json["reason"] = *refusal;
  return json;
}

Json ToJson(const EnlightenmentInfo& info, const EnlightenmentProbe& here) {
  const bool qemu = info.origin == hyperv::EnlightenmentOrigin::kQemu;
  Json json = {{"name", std::string(info.name)},
               {"summary", std::string(info.summary)},
               {"about", std::string(hyperv::ExplanationOf(info.id).about)},
               {"syntax", Syntax(info)},
               {"origin", qemu ? "QEMU" : "hvkit"},
               {"libvirt", LibvirtForm(info.id)},
               {"needs", Names(info.needs)},
               {"better_with", Names(info.wants)},
               {"needed_by", Names(NeededBy(info.id))}};
  json["presets"] = Presets(info.id);
  json["cpuid"] = CpuidBits(info);
  json["msrs"] = Msrs(info);
  json["hypercalls"] = Hypercalls(info.id);
  json["kernel"] = Backend(here.kernel_refusal);
  json["user"] = Backend(here.user_refusal);
  return json;
}

// --- Text ---

constexpr size_t kWidth = 100;
constexpr size_t kIndent = 14;

std::string Wrapped(absl::string_view text) {
  std::string wrapped;
  size_t column = 0;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    const bool fits = column + 1 + word.size() <= kWidth;
    if (column != 0) wrapped += fits ? ' ' : '\n';
    column = (column != 0 && fits ? column + 1 : 0) + word.size();
    absl::StrAppend(&wrapped, word);
  }
  return wrapped + '\n';
}

// A heading before the first line, blanks before the others; nothing where there are none.
std::string Section(absl::string_view heading, const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) {
    absl::StrAppendFormat(&text, "%-*s%s\n", static_cast<int>(kIndent), text.empty() ? heading : "",
                          line);
  }
  return text;
}

std::string Text(const Json& json) { return json.get<std::string>(); }

// One line for each element, made by `format`.
template <typename Format>
Lines Each(const Json& list, Format format) {
  Lines lines;
  for (const Json& element : list) lines.push_back(format(element));
  return lines;
}

std::string BitLine(const Json& bit) {
  return absl::StrFormat("%s %s bit %d  %s", Text(bit["leaf"]), Text(bit["register"]),
                         bit["bit"].get<int>(), Text(bit["name"]));
}

std::string MsrLine(const Json& msr) {
  std::string indices = Text(msr["first"]);
  if (msr["last"] != msr["first"]) absl::StrAppend(&indices, "..", Text(msr["last"]));
  if (msr["last"] != msr["first"] && msr["step"] != 1) {
    absl::StrAppend(&indices, " by ", msr["step"].get<int>());
  }
  return absl::StrCat(indices, "  ", Text(msr["name"]));
}

std::string CallLine(const Json& call) {
  return absl::StrCat(Text(call["code"]), "  ", Text(call["name"]));
}

std::string PresetLine(const Json& preset) {
  return absl::StrCat("hv=", Text(preset["name"]), ": ", Text(preset["reason"]));
}

std::string BackendLine(absl::string_view name, const Json& backend) {
  const bool available = backend["available"].get<bool>();
  return absl::StrCat(
      name, " back end: ", available ? "yes" : absl::StrCat("no: ", Text(backend["reason"])));
}

Lines Joined(const Json& names) {
  if (names.empty()) return {};
  return {absl::StrJoin(names.get<Lines>(), ", ")};
}

std::string ToText(const Json& json) {
  const absl::string_view origin = json["origin"] == "QEMU"
                                       ? "a flag of QEMU's -cpu"
                                       : "hvkit's own; off unless named or in hv=all";
  return absl::StrCat(
      Text(json["name"]), "\n", Wrapped(Text(json["summary"])), Wrapped(Text(json["about"])), "\n",
      Section("written", {Text(json["syntax"])}), Section("origin", {std::string(origin)}),
      Section("libvirt", {Text(json["libvirt"])}), Section("needs", Joined(json["needs"])),
      Section("better with", Joined(json["better_with"])),
      Section("needed by", Joined(json["needed_by"])),
      Section("presets", Each(json["presets"], PresetLine)),
      Section("CPUID", Each(json["cpuid"], BitLine)), Section("MSRs", Each(json["msrs"], MsrLine)),
      Section("hypercalls", Each(json["hypercalls"], CallLine)),
      Section("here", {BackendLine("kernel", json["kernel"]), BackendLine("user", json["user"])}));
}

}  // namespace

absl::StatusOr<Enlightenment> ParseExplained(absl::string_view name) {
  const std::optional<Enlightenment> e = hyperv::FindEnlightenment(name);
  if (e) return *e;
  return absl::InvalidArgumentError(
      absl::StrCat("--explain=", name,
                   ": no such enlightenment; see --list-enlightenments for those there are"));
}

std::string FormatExplanation(Enlightenment e, const EnlightenmentProbe& here,
                              OutputFormat format) {
  const Json json = ToJson(hyperv::Info(e), here);
  if (format == OutputFormat::kText) return ToText(json);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace hvkit::vmm
