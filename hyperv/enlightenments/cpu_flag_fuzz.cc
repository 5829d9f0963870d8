// The text of --cpu, any text: it is taken or refused in one line that names the flag, and what is
// taken can be had of a back end that can do everything.
#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "hyperv/enlightenments/cpu_flag.h"
#include "hyperv/enlightenments/cpu_spec.h"
#include "hyperv/enlightenments/resolve.h"
#include "testing/fuzz/fuzz_target.h"

namespace hvkit::hyperv {
namespace {

using testing::Require;

// Looking for the nearest name of a longer one only takes time.
constexpr size_t kLongest = 400;

bool IsOneLine(absl::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

void CheckRefusal(const absl::Status& refusal) {
  Require(absl::IsInvalidArgument(refusal), "bad text is an invalid argument");
  Require(absl::StartsWith(refusal.message(), "--cpu: "), "a refusal names the flag");
  Require(IsOneLine(refusal.message()), "a refusal is one line of plain text");
}

// The last mention of a feature counts, so saying everything twice changes nothing.
void CheckRepeated(absl::string_view text, const CpuSpec& spec) {
  const absl::string_view features = text.substr(std::min(text.find(','), text.size()));
  const absl::StatusOr<CpuSpec> twice = ParseCpuFlag(absl::StrCat(text, features));
  Require(twice.ok(), "features can be repeated");
  Require(twice->requested == spec.requested, "repeating features requests the same");
  Require(twice->refused == spec.refused, "repeating features refuses the same");
  Require(twice->kvm == spec.kvm, "repeating features leaves kvm= as it is");
}

}  // namespace
}  // namespace hvkit::hyperv

void hvkit::testing::FuzzOne(std::span<const std::byte> input) {
  if (input.size() > hyperv::kLongest) return;
  std::string text(input.size(), '\0');
  std::ranges::transform(input, text.begin(), [](std::byte b) { return static_cast<char>(b); });
  const absl::StatusOr<hyperv::CpuSpec> spec = hyperv::ParseCpuFlag(text);
  if (!spec.ok()) return hyperv::CheckRefusal(spec.status());
  hyperv::CheckRepeated(text, *spec);
  Require(hyperv::Resolve(*spec, hyperv::Ability{}).ok(), "an able back end has all that it names");
}
