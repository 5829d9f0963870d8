#include "testing/rig/options.h"

#include <cstddef>
#include <functional>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace hvkit::testing::rig {
namespace {

bool ParsePositive(const std::string& value, int& number) {
  return absl::SimpleAtoi(value, &number) && number > 0;
}

bool ParseSeconds(const std::string& value, std::chrono::seconds& seconds) {
  int number = 0;
  if (!ParsePositive(value, number)) return false;
  seconds = std::chrono::seconds(number);
  return true;
}

bool ParseFile(const std::string& value, std::vector<CarriedFile>& files) {
  const size_t colon = value.find(':');
  const std::string source = value.substr(0, colon);
  const std::string destination = colon == std::string::npos ? source : value.substr(colon + 1);
  if (source.empty() || destination.empty()) return false;
  files.push_back({source, destination});
  return true;
}

bool SetText(const std::string& value, std::string& text) {
  text = value;
  return !value.empty();
}

bool AddText(const std::string& value, std::vector<std::string>& list) {
  list.push_back(value);
  return !value.empty();
}

bool AddVariable(const std::string& value, std::vector<std::string>& env) {
  env.push_back(value);
  return value.find('=') != std::string::npos;
}

using Setter = std::function<bool(Options&, const std::string&)>;

const std::map<std::string, Setter>& Setters() {
  static const auto* const setters = new std::map<std::string, Setter>{
      {"kernel", [](Options& o, const std::string& v) { return SetText(v, o.kernel); }},
      {"initrd", [](Options& o, const std::string& v) { return SetText(v, o.initrd); }},
      {"cpus", [](Options& o, const std::string& v) { return ParsePositive(v, o.cpus); }},
      {"memory", [](Options& o, const std::string& v) { return SetText(v, o.memory); }},
      {"boot-timeout",
       [](Options& o, const std::string& v) { return ParseSeconds(v, o.boot_timeout); }},
      {"timeout", [](Options& o, const std::string& v) { return ParseSeconds(v, o.timeout); }},
      {"file", [](Options& o, const std::string& v) { return ParseFile(v, o.files); }},
      {"out", [](Options& o, const std::string& v) { return AddText(v, o.outs); }},
      {"env", [](Options& o, const std::string& v) { return AddVariable(v, o.env); }},
  };
  return *setters;
}

absl::Status SetOption(const std::string& arg, Options& options) {
  const size_t equals = arg.find('=');
  if (!arg.starts_with("--") || equals == std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", arg, "' is not of the form --OPTION=VALUE; the program comes after --"));
  }
  const auto setter = Setters().find(arg.substr(2, equals - 2));
  if (setter == Setters().end()) {
    return absl::InvalidArgumentError(absl::StrCat("'", arg, "': there is no such option"));
  }
  if (!setter->second(options, arg.substr(equals + 1))) {
    return absl::InvalidArgumentError(absl::StrCat("'", arg, "': the value cannot be used"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Options> ParseOptions(absl::Span<const char* const> args) {
  Options options;
  size_t i = 0;
  for (; i < args.size() && absl::string_view(args[i]) != "--"; ++i) {
    if (absl::Status status = SetOption(args[i], options); !status.ok()) return status;
  }
  for (++i; i < args.size(); ++i) options.command.emplace_back(args[i]);
  if (options.command.empty()) return absl::InvalidArgumentError("no program after --");
  if (options.kernel.empty() || options.initrd.empty()) {
    return absl::InvalidArgumentError("--kernel and --initrd are needed");
  }
  return options;
}

}  // namespace hvkit::testing::rig
