// Runs random programs on both back ends and compares what they saw, and one in seven batches of
// them twice on each, which has to show the same.
//
//   differ --guest=IMAGE [--seconds=N] [--seed=N]... [--programs=N] [--cpus=N] [--findings=N]
//          [--replay=CPUS] [--scratch=PATH]
//
// --seconds and --programs are for each of several seeds.
// Ends with 0 if nothing undocumented was found, with 1 after a finding, which it prints, shrunk if
// it shows each time, with 2 after bad usage and with 3 if it cannot run.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvm_ioctls/status_macros.h"
#include "testing/differential/back_ends.h"
#include "testing/differential/compare.h"
#include "testing/differential/generator.h"
#include "testing/differential/machine.h"
#include "testing/differential/options.h"
#include "testing/differential/program.h"
#include "testing/differential/shrink.h"
#include "vmm/config.h"

namespace hvkit::testing {
namespace {

using Clock = std::chrono::steady_clock;
using Number = unsigned long long;

constexpr uint64_t kMostInBatch = 128;
constexpr uint64_t kFewestInBatch = 16;
constexpr size_t kCandidatesAtOnce = 24;
// Has no factor in common with the number of kCpusOfBatches, so that all of them have their turn.
constexpr uint64_t kBatchesPerRepetition = 7;
constexpr int kConfirmations = 3;
constexpr int kRepetitions = 8;
// More than these are no accidents of the host's any more.
constexpr uint64_t kUnsteadyAllowed = 2;
constexpr uint64_t kProgramsPerUnsteady = 500;
constexpr std::chrono::seconds kShrinkTime{180};
// Of each batch: most of what can differ shows on one VP.
constexpr uint32_t kCpusOfBatches[] = {1, 2, 1, 3, 1, 4, 1, 2};

struct Counts {
  uint64_t batches = 0;
  uint64_t programs = 0;
  uint64_t steps = 0;
  uint64_t compared = 0;  // steps
  uint64_t repeated = 0;  // programs
  uint64_t unsteady = 0;  // differences that did not show again
  uint64_t findings = 0;
  std::map<uint32_t, uint64_t> by_cpus;  // programs
  std::map<std::string, uint64_t> rows;
};

struct Batch {
  std::vector<uint64_t> seeds;
  std::vector<Program> programs;
  uint32_t cpus;
};

const char* NameOf(vmm::Backend back_end) {
  return back_end == vmm::Backend::kKernel ? "kernel" : "user";
}

void PrintRecords(const Record& kernel, const Record& user) {
  if (kernel == user) {
    std::printf("      both:   %s\n", Describe(kernel).c_str());
  } else {
    std::printf("      kernel: %s\n      user:   %s\n", Describe(kernel).c_str(),
                Describe(user).c_str());
  }
  std::fflush(stdout);
}

class Differ {
 public:
  Differ(const Options& options, uint64_t seed)
      : options_(options), seed_(seed), back_ends_(Machine(options.guest, options.scratch)) {}

  absl::Status Run();

  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] uint64_t stops() const { return back_ends_.stops(); }

 private:
  [[nodiscard]] Batch MakeBatch(std::mt19937_64& seeds) const;
  absl::Status RunBatch(const Batch& batch);
  absl::Status RepeatBatch(const Batch& batch, const BackEnds::Pair& first);
  absl::Status CheckRepetition(const Batch& batch, size_t program, const Records& first,
                               const Records& second, vmm::Backend back_end);
  absl::Status Judge(const Batch& batch, size_t program, const BackEnds::Pair& seen,
                     const Comparison& comparison);
  absl::StatusOr<bool> ShowsInBatch(const Batch& batch, size_t program);
  Program Shorten(const Program& program, uint32_t cpus);
  std::vector<bool> ShowsIt(const std::vector<Program>& candidates, uint32_t cpus);
  void Report(uint64_t seed, const Program& program, uint32_t cpus);

  const Options& options_;
  const uint64_t seed_;
  BackEnds back_ends_;
  Counts counts_;
};

Batch Differ::MakeBatch(std::mt19937_64& seeds) const {
  Batch batch;
  batch.cpus = kCpusOfBatches[counts_.batches % std::size(kCpusOfBatches)];
  if (options_.cpus != 0) batch.cpus = static_cast<uint32_t>(options_.cpus);
  if (options_.replay != 0) batch.cpus = static_cast<uint32_t>(options_.replay);
  // So that few programs have all numbers of VPs too.
  const uint64_t size =
      std::clamp(options_.programs / std::size(kCpusOfBatches), kFewestInBatch, kMostInBatch);
  batch.seeds.resize(std::min(size, options_.programs - counts_.programs));
  for (uint64_t& seed : batch.seeds) seed = seeds();
  if (options_.replay != 0) batch.seeds = {seed_};
  for (const uint64_t seed : batch.seeds) batch.programs.push_back(Generate(seed, batch.cpus));
  return batch;
}

absl::Status Differ::Run() {
  const auto end = Clock::now() + std::chrono::seconds(options_.seconds);
  std::mt19937_64 seeds(seed_);
  do {
    const Batch batch = MakeBatch(seeds);
    HVKIT_RETURN_IF_ERROR(RunBatch(batch));
    if (options_.replay != 0) Report(seed_, batch.programs.front(), batch.cpus);
  } while (options_.replay == 0 && counts_.findings < options_.findings &&
           counts_.programs < options_.programs && Clock::now() < end);
  return absl::OkStatus();
}

absl::Status Differ::RunBatch(const Batch& batch) {
  HVKIT_ASSIGN_OR_RETURN(const BackEnds::Pair records,
                         back_ends_.RunOnBoth(batch.programs, batch.cpus));
  const std::vector<Comparison> comparisons = CompareEach(batch.programs, records);
  const bool repeats = counts_.batches++ % kBatchesPerRepetition == 0;
  counts_.programs += batch.programs.size();
  counts_.by_cpus[batch.cpus] += batch.programs.size();
  for (size_t i = 0; i < batch.programs.size(); ++i) {
    counts_.steps += batch.programs[i].size();
    counts_.compared += comparisons[i].compared;
    for (const std::string& row : comparisons[i].rows) ++counts_.rows[row];
    if (comparisons[i].differs && counts_.findings < options_.findings) {
      HVKIT_RETURN_IF_ERROR(Judge(batch, i, records, comparisons[i]));
    }
  }
  return repeats && counts_.findings == 0 ? RepeatBatch(batch, records) : absl::OkStatus();
}

absl::Status Differ::RepeatBatch(const Batch& batch, const BackEnds::Pair& first) {
  HVKIT_ASSIGN_OR_RETURN(const BackEnds::Pair second,
                         back_ends_.RunOnBoth(batch.programs, batch.cpus));
  for (size_t i = 0; i < batch.programs.size(); ++i) {
    ++counts_.repeated;
    HVKIT_RETURN_IF_ERROR(
        CheckRepetition(batch, i, first.kernel[i], second.kernel[i], vmm::Backend::kKernel));
    HVKIT_RETURN_IF_ERROR(
        CheckRepetition(batch, i, first.user[i], second.user[i], vmm::Backend::kUser));
  }
  return absl::OkStatus();
}

// A back end that is not the same twice, and not in further runs either, is a finding; what was
// seen once only is the host's, which does not keep to the times that the guest waits.
absl::Status Differ::CheckRepetition(const Batch& batch, size_t program, const Records& first,
                                     const Records& second, vmm::Backend back_end) {
  const auto [a, b] = std::ranges::mismatch(first, second);
  if (a == first.end()) return absl::OkStatus();
  const std::vector<Program> again(kRepetitions, batch.programs[program]);
  HVKIT_ASSIGN_OR_RETURN(const auto records, back_ends_.RunAll(again, batch.cpus, back_end));
  const bool is_steady = std::ranges::adjacent_find(records, std::not_equal_to{}) == records.end();
  ++(is_steady ? counts_.unsteady : counts_.findings);
  const auto step = static_cast<size_t>(a - first.begin());
  std::printf("%s on the %s back end: --seed=%llu --replay=%u step %zu: %s\n  %s\n  %s\n",
              is_steady ? "unsteady" : "FOUND: not the same twice", NameOf(back_end),
              static_cast<Number>(batch.seeds[program]), batch.cpus, step,
              Describe(batch.programs[program][step]).c_str(), Describe(*a).c_str(),
              Describe(*b).c_str());
  std::fflush(stdout);
  return absl::OkStatus();
}

// Whether a program shows a difference after those that came before it.
absl::StatusOr<bool> Differ::ShowsInBatch(const Batch& batch, size_t program) {
  const auto first = std::span(batch.programs).first(program + 1);
  HVKIT_ASSIGN_OR_RETURN(const auto comparisons, back_ends_.CompareAll(first, batch.cpus));
  return comparisons.back().differs;
}

// A finding is what shows again, in a machine of its own or after the programs before it; it is
// shrunk if it shows each time.
absl::Status Differ::Judge(const Batch& batch, size_t program, const BackEnds::Pair& seen,
                           const Comparison& comparison) {
  const Program& suspect = batch.programs[program];
  const std::vector<Program> again(kConfirmations, suspect);
  HVKIT_ASSIGN_OR_RETURN(const auto records, back_ends_.RunOnBoth(again, batch.cpus));
  const auto comparisons = CompareEach(again, records);
  const auto times = std::ranges::count(comparisons, true, &Comparison::differs);
  bool is_steady = times != 0;
  if (!is_steady) {
    HVKIT_ASSIGN_OR_RETURN(is_steady, ShowsInBatch(batch, program));
  }
  ++(is_steady ? counts_.findings : counts_.unsteady);
  std::printf("%s: --seed=%llu --replay=%u, shown %td times of %d, step %zu: %s\n",
              !is_steady   ? "unsteady"
              : times == 0 ? "FOUND after the programs before it"
                           : "FOUND",
              static_cast<Number>(batch.seeds[program]), batch.cpus, times, kConfirmations,
              comparison.compared, Describe(suspect[comparison.compared]).c_str());
  PrintRecords(seen.kernel[program][comparison.compared], seen.user[program][comparison.compared]);
  if (times == 0) return absl::OkStatus();
  Report(batch.seeds[program], times == kConfirmations ? Shorten(suspect, batch.cpus) : suspect,
         batch.cpus);
  return absl::OkStatus();
}

Program Differ::Shorten(const Program& program, uint32_t cpus) {
  const auto end = Clock::now() + kShrinkTime;
  return Shrink(program, [&](const std::vector<Program>& candidates) {
    if (Clock::now() > end) return std::vector<bool>(candidates.size());
    return ShowsIt(candidates, cpus);
  });
}

std::vector<bool> Differ::ShowsIt(const std::vector<Program>& candidates, uint32_t cpus) {
  std::vector<bool> shows(candidates.size());
  const std::span<const Program> all(candidates);
  for (size_t at = 0; at < all.size(); at += kCandidatesAtOnce) {
    const auto some = all.subspan(at, std::min(kCandidatesAtOnce, all.size() - at));
    const auto found = back_ends_.CompareAll(some, cpus);
    if (!found.ok()) break;
    for (size_t i = 0; i < some.size(); ++i) shows[at + i] = (*found)[i].differs;
  }
  return shows;
}

void Differ::Report(uint64_t seed, const Program& program, uint32_t cpus) {
  const std::vector<Program> one = {program};
  const auto records = back_ends_.RunOnBoth(one, cpus);
  std::printf("--seed=%llu --replay=%u, %zu steps:\n", static_cast<Number>(seed), cpus,
              program.size());
  for (size_t i = 0; i < program.size(); ++i) {
    std::printf("  %zu %s\n", i, Describe(program[i]).c_str());
    if (!records.ok()) continue;
    PrintRecords(records->kernel[0][i], records->user[0][i]);
  }
  std::fflush(stdout);
}

bool IsUnsteady(const Counts& counts) {
  return counts.unsteady > kUnsteadyAllowed + counts.programs / kProgramsPerUnsteady;
}

void PrintCounts(uint64_t seed, const Counts& counts) {
  for (const auto& [row, count] : counts.rows) {
    std::printf("documented: %s: %llu times\n", row.c_str(), static_cast<Number>(count));
  }
  for (const auto& [cpus, programs] : counts.by_cpus) {
    std::printf("with %u VPs: %llu programs\n", cpus, static_cast<Number>(programs));
  }
  std::printf(
      "differential: seed %llu: %llu programs, %llu of %llu steps compared, %llu repeated, "
      "%llu unsteady, %llu findings\n",
      static_cast<Number>(seed), static_cast<Number>(counts.programs),
      static_cast<Number>(counts.compared), static_cast<Number>(counts.steps),
      static_cast<Number>(counts.repeated), static_cast<Number>(counts.unsteady),
      static_cast<Number>(counts.findings));
  std::fflush(stdout);
}

int Main(std::span<char* const> arguments) {
  const absl::StatusOr<Options> options = ParseOptions(arguments);
  if (!options.ok()) {
    std::fprintf(stderr, "differ: %s\n", std::string(options.status().message()).c_str());
    return 2;
  }
  uint64_t findings = 0;
  for (const uint64_t seed : options->seeds) {
    Differ differ(*options, seed);
    const absl::Status status = differ.Run();
    PrintCounts(seed, differ.counts());
    if (differ.stops() != 0) {
      std::printf("guests that did not run to their end: %llu\n",
                  static_cast<Number>(differ.stops()));
    }
    findings += differ.counts().findings;
    if (IsUnsteady(differ.counts())) {
      std::printf("FOUND: too many programs were unsteady\n");
      ++findings;
    }
    if (status.ok()) continue;
    std::fprintf(stderr, "differ: %s\n", std::string(status.message()).c_str());
    return 3;
  }
  return findings == 0 ? 0 : 1;
}

}  // namespace
}  // namespace hvkit::testing

int main(int argc, char** argv) {
  const std::span<char* const> arguments(argv, static_cast<size_t>(argc));
  return hvkit::testing::Main(arguments.subspan(1));
}
