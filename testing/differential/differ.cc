// Runs random programs on both back ends and compares what they saw.
//
//   differ --guest=IMAGE [--seconds=N] [--seed=N] [--programs=N] [--cpus=N] [--findings=N]
//   [--all=1]
//          [--replay=CPUS] [--scratch=PATH]
//
// Ends with 0 if nothing undocumented was found, with 1 after a finding, which it shrinks and
// prints, with 2 after bad usage and with 3 if it cannot run.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "kvm_ioctls/status_macros.h"
#include "testing/differential/compare.h"
#include "testing/differential/generator.h"
#include "testing/differential/machine.h"
#include "testing/differential/program.h"
#include "testing/differential/shrink.h"
#include "vmm/config.h"

namespace hvkit::testing {
namespace {

constexpr size_t kBatch = 24;
constexpr uint32_t kBatchSeconds = 60;
constexpr int kConfirmations = 3;

struct Options {
  std::string guest;
  std::string scratch = "/tmp/differential.programs";
  uint64_t seconds = 60;
  uint64_t seed = 0;
  uint64_t programs = ~uint64_t{0};
  uint64_t findings = 1;
  uint64_t replay_cpus = 0;  // 0: no replay
  uint64_t cpus = 1;         // 1 to 4
  uint64_t all = 0;          // 1: Mix::kAll
};

struct Counts {
  uint64_t programs = 0;
  uint64_t steps = 0;
  uint64_t compared = 0;  // steps
  uint64_t unsteady = 0;
  uint64_t findings = 0;
  std::map<std::string, uint64_t> rows;
};

class Differ {
 public:
  explicit Differ(const Options& options)
      : options_(options), machine_(options.guest, options.scratch) {}

  absl::Status Run();

  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  absl::Status RunBatch(std::vector<uint64_t> seeds, uint32_t cpus);
  absl::Status Judge(uint64_t seed, const Program& program, uint32_t cpus, size_t step);
  absl::StatusOr<std::vector<Comparison>> CompareAll(const std::vector<Program>& programs,
                                                     uint32_t cpus);
  void Report(uint64_t seed, const Program& program, uint32_t cpus);

  const Options& options_;
  Machine machine_;
  Counts counts_;
};

absl::Status Differ::Run() {
  if (options_.replay_cpus != 0) {
    return RunBatch({options_.seed}, static_cast<uint32_t>(options_.replay_cpus));
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options_.seconds);
  std::mt19937_64 seeds(options_.seed);
  while (counts_.findings < options_.findings && counts_.programs < options_.programs &&
         std::chrono::steady_clock::now() < end) {
    std::vector<uint64_t> batch(std::min<uint64_t>(kBatch, options_.programs - counts_.programs));
    for (uint64_t& seed : batch) seed = seeds();
    HVKIT_RETURN_IF_ERROR(RunBatch(std::move(batch), static_cast<uint32_t>(options_.cpus)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Comparison>> Differ::CompareAll(const std::vector<Program>& programs,
                                                           uint32_t cpus) {
  HVKIT_ASSIGN_OR_RETURN(const std::vector<Records> kernel,
                         machine_.Run(programs, cpus, vmm::Backend::kKernel, kBatchSeconds));
  HVKIT_ASSIGN_OR_RETURN(const std::vector<Records> user,
                         machine_.Run(programs, cpus, vmm::Backend::kUser, kBatchSeconds));
  std::vector<Comparison> comparisons;
  comparisons.reserve(programs.size());
  for (size_t i = 0; i < programs.size(); ++i) {
    comparisons.push_back(Compare(programs[i], kernel[i], user[i]));
  }
  return comparisons;
}

absl::Status Differ::RunBatch(std::vector<uint64_t> seeds, uint32_t cpus) {
  std::vector<Program> programs;
  programs.reserve(seeds.size());
  for (const uint64_t seed : seeds)
    programs.push_back(Generate(seed, cpus, options_.all != 0 ? Mix::kAll : Mix::kRegisters));
  HVKIT_ASSIGN_OR_RETURN(const auto comparisons, CompareAll(programs, cpus));
  for (size_t i = 0; i < programs.size(); ++i) {
    ++counts_.programs;
    counts_.steps += programs[i].size();
    counts_.compared += comparisons[i].compared;
    for (const std::string& row : comparisons[i].rows) ++counts_.rows[row];
    if (comparisons[i].differs && counts_.findings < options_.findings) {
      HVKIT_RETURN_IF_ERROR(Judge(seeds[i], programs[i], cpus, comparisons[i].compared));
    }
  }
  return absl::OkStatus();
}

// A finding is what shows each time, in a machine of its own.
absl::Status Differ::Judge(uint64_t seed, const Program& program, uint32_t cpus, size_t step) {
  const std::vector<Program> again(kConfirmations, program);
  HVKIT_ASSIGN_OR_RETURN(const auto comparisons, CompareAll(again, cpus));
  const bool steady = std::ranges::all_of(comparisons, &Comparison::differs);
  if (!steady) {
    ++counts_.unsteady;
    std::printf("unsteady: --seed=%llu --replay=%u step %zu: %s\n",
                static_cast<unsigned long long>(seed), cpus, step, Describe(program[step]).c_str());
    return absl::OkStatus();
  }
  ++counts_.findings;
  const Program shortest = Shrink(program, [&](const std::vector<Program>& candidates) {
    std::vector<bool> shows(candidates.size());
    for (size_t at = 0; at < candidates.size(); at += kBatch) {
      const size_t end = std::min(at + kBatch, candidates.size());
      const auto found = CompareAll({candidates.begin() + static_cast<std::ptrdiff_t>(at),
                                     candidates.begin() + static_cast<std::ptrdiff_t>(end)},
                                    cpus);
      if (!found.ok()) break;
      for (size_t i = at; i < end; ++i) {
        shows[i] = (*found)[i - at].differs;
      }
    }
    return shows;
  });
  Report(seed, shortest, cpus);
  return absl::OkStatus();
}

void Differ::Report(uint64_t seed, const Program& program, uint32_t cpus) {
  const std::vector<Program> one = {program};
  const auto kernel = machine_.Run(one, cpus, vmm::Backend::kKernel, kBatchSeconds);
  const auto user = machine_.Run(one, cpus, vmm::Backend::kUser, kBatchSeconds);
  std::printf("FOUND: --seed=%llu --replay=%u, shrunk to %zu steps\n",
              static_cast<unsigned long long>(seed), cpus, program.size());
  for (size_t i = 0; i < program.size(); ++i) {
    std::printf("  %zu %s\n", i, Describe(program[i]).c_str());
    if (!kernel.ok() || !user.ok() || (*kernel)[0][i] == (*user)[0][i]) continue;
    std::printf("      kernel: %s\n      user:   %s\n", Describe((*kernel)[0][i]).c_str(),
                Describe((*user)[0][i]).c_str());
  }
  std::fflush(stdout);
}

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
  const std::map<std::string_view, uint64_t*> numbers = {
      {"--seconds", &options.seconds},   {"--seed", &options.seed},
      {"--programs", &options.programs}, {"--findings", &options.findings},
      {"--cpus", &options.cpus},         {"--all", &options.all},
      {"--replay", &options.replay_cpus}};
  const auto number = numbers.find(name);
  return number != numbers.end() && ParseNumber(value, *number->second);
}

void PrintCounts(const Options& options, const Counts& counts) {
  for (const auto& [row, count] : counts.rows) {
    std::printf("documented: %s: %llu times\n", row.c_str(),
                static_cast<unsigned long long>(count));
  }
  std::printf(
      "differential: seed %llu: %llu programs, %llu of %llu steps compared, %llu unsteady, "
      "%llu findings\n",
      static_cast<unsigned long long>(options.seed),
      static_cast<unsigned long long>(counts.programs),
      static_cast<unsigned long long>(counts.compared),
      static_cast<unsigned long long>(counts.steps),
      static_cast<unsigned long long>(counts.unsteady),
      static_cast<unsigned long long>(counts.findings));
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    if (ParseOption(argv[i], options)) continue;
    std::fprintf(stderr, "differ: %s: not an option\n", argv[i]);
    return 2;
  }
  Differ differ(options);
  const absl::Status status = differ.Run();
  PrintCounts(options, differ.counts());
  if (!status.ok()) {
    std::fprintf(stderr, "differ: %s\n", std::string(status.message()).c_str());
    return 3;
  }
  return differ.counts().findings == 0 ? 0 : 1;
}

}  // namespace
}  // namespace hvkit::testing

int main(int argc, char** argv) { return hvkit::testing::Main(argc, argv); }
