#include "testing/differential/compare.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "testing/differential/known_differences.h"

namespace hvkit::testing {

Comparison Compare(const Program& program, std::span<const Record> kernel,
                   std::span<const Record> user) {
  Comparison result;
  result.compared = program.size();
  for (size_t i = 0; i < program.size(); ++i) {
    // What neither has reached is no agreement.
    const bool is_done = kernel[i].done != 0 && user[i].done != 0;
    if (is_done && kernel[i] == user[i]) continue;
    std::optional<KnownRow> known;
    if (is_done) known = KnownDifference({program, i, kernel[i], user[i]});
    if (known.has_value()) result.rows.emplace_back(known->subject);
    if (known.has_value() && !known->parts_states) continue;
    result.compared = i;
    result.differs = !known.has_value();
    break;
  }
  return result;
}

namespace {

const char* NameOf(StepKind kind) {
  switch (kind) {
    case StepKind::kReadMsr:
      return "read MSR";
    case StepKind::kWriteMsr:
      return "write MSR";
    case StepKind::kHypercall:
      return "hypercall";
    case StepKind::kStore:
      return "store";
    case StepKind::kDigestPage:
      return "digest page";
    case StepKind::kFreeSlot:
      return "free slot";
    case StepKind::kArmTimer:
      return "arm timer";
    case StepKind::kTick:
      return "tick";
    case StepKind::kSettle:
      return "settle";
    case StepKind::kTestdev:
      return "testdev";
    case StepKind::kCpuid:
      return "cpuid";
    case StepKind::kResetVp:
      return "reset VP";
    case StepKind::kBarrier:
      return "barrier";
  }
  return "?";
}

}  // namespace

std::string Describe(const Step& step) {
  std::string text =
      absl::StrFormat("VP %d: %s page %d sint %d index %#x value %#x", step.cpu, NameOf(step.kind),
                      step.page, step.sint, step.index, step.value);
  if (step.kind != StepKind::kHypercall) return text;
  absl::StrAppend(&text, " words");
  for (const uint64_t word : step.words) absl::StrAppendFormat(&text, " %#x", word);
  return text;
}

std::string Describe(const Record& record) {
  if (record.done == 0) return "not reached";
  return absl::StrFormat("fault %d, %d%s, detail %#x value %#x value2 %#x", record.fault,
                         record.fault2, record.skipped != 0 ? " skipped" : "", record.detail,
                         record.value, record.value2);
}

}  // namespace hvkit::testing
