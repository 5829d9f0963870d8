#include "testing/differential/options.h"

#include <map>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "testing/differential/program.h"

namespace hvkit::testing {
namespace {

bool ParseNumber(std::string_view text, uint64_t& number) {
  return absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &number);
}

bool ParseOption(std::string_view argument, Options& options) {
  const size_t equals = argument.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view name = argument.substr(0, equals);
  const std::string_view value = argument.substr(equals + 1);
  if (name == "--guest") {
    options.guest = value;
    return true;
  }
  if (name == "--scratch") {
    options.scratch = value;
    return true;
  }
  if (name == "--seed") return ParseNumber(value, options.seeds.emplace_back());
  const std::map<std::string_view, uint64_t*> numbers = {{"--seconds", &options.seconds},
                                                         {"--programs", &options.programs},
                                                         {"--findings", &options.findings},
                                                         {"--cpus", &options.cpus},
                                                         {"--replay", &options.replay}};
  const auto number = numbers.find(name);
  return number != numbers.end() && ParseNumber(value, *number->second);
}

}  // namespace

absl::StatusOr<Options> ParseOptions(std::span<char* const> arguments) {
  Options options;
  for (const char* argument : arguments) {
    if (ParseOption(argument, options)) continue;
    return absl::InvalidArgumentError(absl::StrCat(argument, ": not an option"));
  }
  if (options.cpus > kMaxCpus || options.replay > kMaxCpus) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxCpus, " VPs"));
  }
  if (options.seeds.empty()) options.seeds.push_back(0);
  return options;
}

}  // namespace hvkit::testing
