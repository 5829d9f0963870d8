#include "testing/differential/back_ends.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "kvm_ioctls/status_macros.h"
#include "testing/differential/program.h"

namespace hvkit::testing {
namespace {

// Many times what they take on an idle machine.
constexpr size_t kStartSeconds = 10;
constexpr size_t kProgramsPerSecond = 4;

uint32_t SecondsFor(size_t programs) {
  return static_cast<uint32_t>(kStartSeconds + programs / kProgramsPerSecond);
}

bool IsComplete(const Records& records) {
  return std::ranges::all_of(records, [](const Record& record) { return record.done != 0; });
}

}  // namespace

absl::StatusOr<std::vector<Records>> BackEnds::RunAll(std::span<const Program> programs,
                                                      uint32_t cpus, vmm::Backend backend) {
  std::vector<Records> all;
  while (all.size() < programs.size()) {
    const std::span<const Program> rest = programs.subspan(all.size());
    HVKIT_ASSIGN_OR_RETURN(MachineRun run,
                           machine_.Run(rest, cpus, backend, SecondsFor(rest.size())));
    auto end = run.records.end();
    if (!run.ending.ok()) {
      ++stops_;
      std::printf("a guest did not run to its end: %s\n",
                  std::string(run.ending.message()).c_str());
      const auto stopped = std::ranges::find_if_not(run.records, IsComplete);
      // All have run, and the guest would not end: that is none of theirs.
      if (stopped == end) return run.ending;
      end = std::next(stopped);
    }
    std::move(run.records.begin(), end, std::back_inserter(all));
  }
  return all;
}

absl::StatusOr<BackEnds::Pair> BackEnds::RunOnBoth(std::span<const Program> programs,
                                                   uint32_t cpus) {
  Pair pair;
  HVKIT_ASSIGN_OR_RETURN(pair.kernel, RunAll(programs, cpus, vmm::Backend::kKernel));
  HVKIT_ASSIGN_OR_RETURN(pair.user, RunAll(programs, cpus, vmm::Backend::kUser));
  return pair;
}

absl::StatusOr<std::vector<Comparison>> BackEnds::CompareAll(std::span<const Program> programs,
                                                             uint32_t cpus) {
  HVKIT_ASSIGN_OR_RETURN(const Pair pair, RunOnBoth(programs, cpus));
  return CompareEach(programs, pair);
}

std::vector<Comparison> CompareEach(std::span<const Program> programs,
                                    const BackEnds::Pair& records) {
  std::vector<Comparison> comparisons;
  comparisons.reserve(programs.size());
  for (size_t i = 0; i < programs.size(); ++i) {
    comparisons.push_back(Compare(programs[i], records.kernel[i], records.user[i]));
  }
  return comparisons;
}

}  // namespace hvkit::testing
