#include "vmm/report.h"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

namespace hvkit::vmm {
namespace {

using Json = nlohmann::ordered_json;  // keys in the order they are written

std::string ToText(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

// Lines of cells, each column as wide as its widest cell, the last one free.
class Table {
 public:
  explicit Table(std::initializer_list<std::string> headings) { Add(headings); }

  void Add(std::vector<std::string> cells) {
    widths_.resize(std::max(widths_.size(), cells.size()));
    for (size_t i = 0; i < cells.size(); ++i) widths_[i] = std::max(widths_[i], cells[i].size());
    rows_.push_back(std::move(cells));
  }

  std::string ToString() const {
    std::string text;
    for (const std::vector<std::string>& row : rows_) absl::StrAppend(&text, Line(row), "\n");
    return text;
  }

 private:
  std::string Line(const std::vector<std::string>& row) const {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppendFormat(&line, "%-*s  ", static_cast<int>(widths_[i]), row[i]);
    }
    line.resize(line.find_last_not_of(' ') + 1);
    return line;
  }

  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> widths_;
};

std::string Syntax(const EnlightenmentInfo& info) {
  return info.value.empty() ? info.name : absl::StrCat(info.name, "=", info.value);
}

const char* YesNo(bool yes) { return yes ? "yes" : "no"; }

Json ToJson(const KvmProbe& kvm) {
  Json json = {{"usable", kvm.unusable_reason.empty()}};
  if (!kvm.unusable_reason.empty()) json["reason"] = kvm.unusable_reason;
  json["api_version"] = kvm.api_version;
  Json caps = Json::object();
  for (const auto& [name, value] : kvm.caps) caps[name] = value;
  json["caps"] = std::move(caps);
  return json;
}

Json ToJson(const BackendProbe& backend) {
  Json json = {{"available", backend.unavailable_reason.empty()}};
  if (!backend.unavailable_reason.empty()) json["reason"] = backend.unavailable_reason;
  return json;
}

Json ToJson(const EnlightenmentProbe& probe) {
  Json json = {{"name", probe.name},
               {"kernel", !probe.kernel_refusal.has_value()},
               {"user", !probe.user_refusal.has_value()}};
  if (probe.kernel_refusal.has_value()) json["reason"]["kernel"] = *probe.kernel_refusal;
  if (probe.user_refusal.has_value()) json["reason"]["user"] = *probe.user_refusal;
  return json;
}

Json ToJson(const ProbeResult& probe) {
  Json enlightenments = Json::array();
  for (const EnlightenmentProbe& each : probe.enlightenments) {
    enlightenments.push_back(ToJson(each));
  }
  Json json = Json::object();
  json["kvm"] = ToJson(probe.kvm);
  json["backends"]["kernel"] = ToJson(probe.kernel);
  json["backends"]["user"] = ToJson(probe.user);
  json["enlightenments"] = std::move(enlightenments);
  return json;
}

std::string Availability(const std::string& refusal, std::string_view yes) {
  return refusal.empty() ? std::string(yes) : absl::StrCat("no: ", refusal);
}

// Both reasons where they differ, each once.
std::string Reasons(const EnlightenmentProbe& probe) {
  if (probe.kernel_refusal == probe.user_refusal) return probe.kernel_refusal.value_or("");
  std::vector<std::string> reasons;
  if (probe.kernel_refusal.has_value()) reasons.push_back("kernel: " + *probe.kernel_refusal);
  if (probe.user_refusal.has_value()) reasons.push_back("user: " + *probe.user_refusal);
  return absl::StrJoin(reasons, "; ");
}

std::string ProbeText(const ProbeResult& probe) {
  std::string text = absl::StrFormat(
      "KVM: %s\nback end kernel: %s\nback end user: %s\n\n",
      Availability(probe.kvm.unusable_reason,
                   absl::StrFormat("usable, API version %d", probe.kvm.api_version)),
      Availability(probe.kernel.unavailable_reason, "available"),
      Availability(probe.user.unavailable_reason, "available"));
  Table caps({"CAPABILITY", "VALUE"});
  for (const auto& [name, value] : probe.kvm.caps) caps.Add({name, absl::StrCat(value)});
  if (!probe.kvm.caps.empty()) absl::StrAppend(&text, caps.ToString(), "\n");
  Table table({"ENLIGHTENMENT", "KERNEL", "USER", "REASON"});
  for (const EnlightenmentProbe& each : probe.enlightenments) {
    table.Add({each.name, YesNo(!each.kernel_refusal.has_value()),
               YesNo(!each.user_refusal.has_value()), Reasons(each)});
  }
  return text + table.ToString();
}

}  // namespace

std::string FormatProbe(const ProbeResult& probe, OutputFormat format) {
  return format == OutputFormat::kJson ? ToText(ToJson(probe)) : ProbeText(probe);
}

std::string FormatEnlightenments(const std::vector<EnlightenmentInfo>& list, OutputFormat format) {
  Json json = Json::array();
  Table table({"ENLIGHTENMENT", "NEEDS", "WHAT IT GIVES"});
  for (const EnlightenmentInfo& info : list) {
    json.push_back(Json{{"name", info.name},
                        {"value", info.value},
                        {"summary", info.summary},
                        {"needs", info.needs}});
    table.Add({Syntax(info), absl::StrJoin(info.needs, ","), info.summary});
  }
  return format == OutputFormat::kJson ? ToText(Json{{"enlightenments", json}}) : table.ToString();
}

}  // namespace hvkit::vmm
