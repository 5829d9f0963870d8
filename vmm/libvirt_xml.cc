#include "vmm/libvirt_xml.h"

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "hyperv/enlightenments/cpu_flag.h"
#include "hyperv/enlightenments/cpu_flag_text.h"
#include "kvm_ioctls/status_macros.h"
#include "pugixml.hpp"

namespace hvkit::vmm {
namespace {

using hyperv::CpuSpec;
using hyperv::Enlightenment;
using hyperv::EnlightenmentInfo;
using enum hyperv::Enlightenment;

// An element of <hyperv>, or of one of its elements.
struct Element {
  Enlightenment id;
  absl::string_view name;
  absl::string_view parent = "";
};
constexpr Element kElements[] = {
    {kRelaxed, "relaxed"},
    {kVapic, "vapic"},
    {kSpinlocks, "spinlocks"},
    {kVpIndex, "vpindex"},
    {kRuntime, "runtime"},
    {kSynic, "synic"},
    {kStimer, "stimer"},
    {kStimerDirect, "direct", "stimer"},
    {kReset, "reset"},
    {kVendorId, "vendor_id"},
    {kFrequencies, "frequencies"},
    {kReenlightenment, "reenlightenment"},
    {kTlbFlush, "tlbflush"},
    {kTlbFlushDirect, "direct", "tlbflush"},
    {kTlbFlushExt, "extended", "tlbflush"},
    {kIpi, "ipi"},
    {kAvic, "avic"},
    {kEvmcs, "evmcs"},
    {kEmsrBitmap, "emsr_bitmap"},
    {kXmmInput, "xmm_input"},
};

// What libvirt says, but not in <hyperv>.
struct Elsewhere {
  Enlightenment id;
  absl::string_view xml;
};
constexpr Elsewhere kElsewhere[] = {
    {kTime, "<timer name='hypervclock' present='yes'/> in <clock>"},
    {kCrash, "<panic model='hyperv'/> in <devices>"},
};
constexpr absl::string_view kHiddenKvm = "<kvm><hidden state='on'/></kvm> in <features>";

constexpr uint32_t kFewestRetries = 4095;  // libvirt refuses less
constexpr absl::string_view kMark = "hvkit: ";

const Element* FindElement(Enlightenment e) {
  const Element* const found = std::ranges::find(kElements, e, &Element::id);
  return found == std::end(kElements) ? nullptr : found;
}

const Element* FindElement(absl::string_view parent, absl::string_view name) {
  const auto is_it = [=](const Element& e) { return e.parent == parent && e.name == name; };
  const Element* const found = std::ranges::find_if(kElements, is_it);
  return found == std::end(kElements) ? nullptr : found;
}

// The element that holds those of `parent`: <hyperv> itself, or one of its elements.
const Element* ParentOf(const Element& element) {
  return element.parent.empty() ? nullptr : FindElement("", element.parent);
}

// --- Writing ---

// Where libvirt has the place for what is written as a comment.
absl::string_view Remark(Enlightenment e) {
  const Elsewhere* const found = std::ranges::find(kElsewhere, e, &Elsewhere::id);
  if (found != std::end(kElsewhere)) return found->xml;
  if (e == kSpinlocks) return "libvirt takes 4095 retries or more";
  return FindElement(e) == nullptr ? "libvirt has no element for it"
                                   : "libvirt has no place for it here";
}

std::string RemarkIn(const CpuSpec& spec, Enlightenment e) {
  const bool without =
      spec.refused.Has(e) && std::ranges::count(kElsewhere, e, &Elsewhere::id) != 0;
  return absl::StrCat(without ? "without " : "", Remark(e));
}

void AppendComment(absl::string_view flag, absl::string_view remark, pugi::xml_node hyperv) {
  hyperv.append_child(pugi::node_comment)
      .set_value(absl::StrCat(" ", kMark, flag, "; ", remark, " ").c_str());
}

// Whether <hyperv> can say what `spec` says of it. Passthrough has no elements beside it, and
// libvirt reads the elements of an element only where that is on.
bool HasPlace(Enlightenment e, const CpuSpec& spec) {
  const Element* const element = FindElement(e);
  if (element == nullptr || spec.requested.Has(kPassthrough)) return false;
  if (e == kSpinlocks && spec.requested.Has(e)) return spec.requested.spinlocks() >= kFewestRetries;
  const Element* const parent = ParentOf(*element);
  return parent == nullptr || spec.requested.Has(parent->id);
}

void AppendElement(Enlightenment e, const CpuSpec& spec, pugi::xml_node hyperv) {
  const Element& element = *FindElement(e);
  const Element* const parent = ParentOf(element);
  pugi::xml_node node =
      parent == nullptr ? hyperv : hyperv.child(std::string(parent->name).c_str());
  node = node.append_child(std::string(element.name).c_str());
  const bool on = spec.requested.Has(e);
  node.append_attribute("state") = on ? "on" : "off";
  if (on && e == kSpinlocks) node.append_attribute("retries") = spec.requested.spinlocks();
  if (on && e == kVendorId) {
    node.append_attribute("value") = hyperv::ValueText(e, spec.requested).value_or("").c_str();
  }
}

// `flag` as it would stand in the -cpu string; empty where `spec` does not mention `e`.
std::string FlagOf(const EnlightenmentInfo& info, const CpuSpec& spec) {
  const std::string feature = hyperv::FormatFeature(info, spec);
  return absl::StrContains(feature, "=") || feature.empty() ? feature
                                                            : absl::StrCat(feature, "=on");
}

// --- Reading ---

absl::Status Refuse(absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat("--convert: ", problem));
}

// One element's piece of the -cpu string; empty for what says nothing.
absl::StatusOr<std::string> PieceOf(const Element& element, pugi::xml_node node) {
  const absl::string_view state = node.attribute("state").value();
  if (state != "on" && state != "off") {
    return Refuse(absl::StrCat("<", element.name, "> needs state='on' or state='off'"));
  }
  const std::string name(hyperv::Name(element.id));
  if (element.id != kSpinlocks && element.id != kVendorId) return absl::StrCat(name, "=", state);
  const bool spinlocks = element.id == kSpinlocks;
  if (state == "off") return spinlocks ? absl::StrCat(name, "=", UINT32_MAX) : std::string();
  const absl::string_view value = node.attribute(spinlocks ? "retries" : "value").value();
  if (value.find(',') != absl::string_view::npos) {
    return Refuse(absl::StrCat("<", element.name, "> has a comma in its value"));
  }
  return absl::StrCat(name, "=", value);
}

// The pieces of all elements of `node`, which is <hyperv> or one of its elements.
absl::Status ReadElements(absl::string_view parent, pugi::xml_node node,
                          std::vector<std::string>& pieces) {
  for (const pugi::xml_node child : node) {
    if (child.type() == pugi::node_comment) {
      absl::string_view text = child.value();
      const bool ours = absl::ConsumePrefix(&text, " ") && absl::ConsumePrefix(&text, kMark);
      if (ours) pieces.emplace_back(text.substr(0, text.find(';')));
    }
    if (child.type() != pugi::node_element) continue;
    const Element* const element = FindElement(parent, child.name());
    if (element == nullptr) {
      return Refuse(
          absl::StrCat("<", node.name(), "> has an unknown element <", child.name(), ">"));
    }
    HVKIT_ASSIGN_OR_RETURN(std::string piece, PieceOf(*element, child));
    if (!piece.empty()) pieces.push_back(std::move(piece));
    if (parent.empty()) HVKIT_RETURN_IF_ERROR(ReadElements(element->name, child, pieces));
  }
  return absl::OkStatus();
}

absl::Status ReadMode(pugi::xml_node hyperv, std::vector<std::string>& pieces) {
  const absl::string_view mode = hyperv.attribute("mode").as_string("custom");
  if (mode == "custom") return absl::OkStatus();
  if (mode == "passthrough") {
    pieces.emplace_back(hyperv::Name(kPassthrough));
    return absl::OkStatus();
  }
  return Refuse(absl::StrCat("<hyperv mode='", mode, "'> is not known; use custom or passthrough"));
}

bool IsElement(pugi::xml_node node, absl::string_view name, const char* attribute,
               absl::string_view value) {
  return name == node.name() && value == node.attribute(attribute).value();
}

// What a domain says outside of <hyperv>.
void ReadDomain(const pugi::xml_document& document, std::vector<std::string>& pieces) {
  const pugi::xml_node timer = document.find_node(
      [](pugi::xml_node node) { return IsElement(node, "timer", "name", "hypervclock"); });
  const absl::string_view present = timer.attribute("present").as_string(timer ? "yes" : "");
  if (!present.empty()) pieces.push_back(absl::StrCat("hv_time=", present));
  const pugi::xml_node panic = document.find_node(
      [](pugi::xml_node node) { return IsElement(node, "panic", "model", "hyperv"); });
  if (panic) pieces.emplace_back("hv_crash");
  const pugi::xml_node hidden = document.find_node([](pugi::xml_node node) {
    return IsElement(node, "hidden", "state", "on") &&
           absl::string_view(node.parent().name()) == "kvm";
  });
  if (hidden) pieces.emplace_back("kvm=off");
}

absl::StatusOr<CpuSpec> ParsePieces(const std::vector<std::string>& pieces) {
  const std::string flag =
      absl::StrCat("host", pieces.empty() ? "" : ",", absl::StrJoin(pieces, ","));
  absl::StatusOr<CpuSpec> spec = hyperv::ParseCpuFlagSyntax(flag);
  if (spec.ok()) return spec;
  return Refuse(absl::StripPrefix(spec.status().message(), "--cpu: "));
}

}  // namespace

std::string ToLibvirtXml(const CpuSpec& spec) {
  const CpuSpec plain = hyperv::SpellOutPresets(spec);
  const bool passthrough = plain.requested.Has(kPassthrough);
  pugi::xml_document document;
  pugi::xml_node hyperv = document.append_child("hyperv");
  hyperv.append_attribute("mode") = passthrough ? "passthrough" : "custom";
  for (const EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    const std::string flag = FlagOf(info, plain);
    if (flag.empty() || (info.id == kPassthrough && passthrough)) continue;
    if (HasPlace(info.id, plain)) {
      AppendElement(info.id, plain, hyperv);
    } else {
      AppendComment(flag, RemarkIn(plain, info.id), hyperv);
    }
  }
  if (!plain.kvm) AppendComment("kvm=off", kHiddenKvm, hyperv);
  std::ostringstream text;
  document.save(
      text, "  ",
      pugi::format_indent | pugi::format_no_declaration | pugi::format_attribute_single_quote);
  return absl::StrReplaceAll(text.str(), {{" />\n", "/>\n"}});  // As libvirt writes it
}

absl::StatusOr<CpuSpec> FromLibvirtXml(absl::string_view xml) {
  pugi::xml_document document;
  const pugi::xml_parse_result parsed =
      document.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_comments);
  if (!parsed) {
    return Refuse(absl::StrCat("not XML, at byte ", parsed.offset, ": ", parsed.description()));
  }
  const pugi::xml_node hyperv = document.find_node(
      [](pugi::xml_node node) { return absl::string_view(node.name()) == "hyperv"; });
  if (!hyperv) return Refuse("there is no <hyperv> element in it");
  std::vector<std::string> pieces;
  HVKIT_RETURN_IF_ERROR(ReadMode(hyperv, pieces));
  HVKIT_RETURN_IF_ERROR(ReadElements("", hyperv, pieces));
  ReadDomain(document, pieces);
  return ParsePieces(pieces);
}

std::string LibvirtForm(Enlightenment e) {
  if (e == kPassthrough) return "<hyperv mode='passthrough'/>";
  const Element* const element = FindElement(e);
  if (element == nullptr) return std::string(Remark(e));
  const absl::string_view where = element->parent.empty() ? "hyperv" : element->parent;
  const absl::string_view value = e == kSpinlocks  ? " retries='N'"
                                  : e == kVendorId ? " value='S'"
                                                   : "";
  return absl::StrCat("<", element->name, " state='on'", value, "/> in <", where, ">");
}

}  // namespace hvkit::vmm
