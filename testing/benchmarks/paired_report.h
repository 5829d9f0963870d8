// What a program of paired rounds says: a row for each scenario, and a file in Google Benchmark's
// format. Not thread-safe.
//
// In the file our loop has the scenario's name, the raw one the name and " (raw C)"; each pass is a
// repetition, and has the ratios of its rounds as `ratio` (ours to raw) and `raw_ratio` (raw to
// raw).
#ifndef HVKIT_TESTING_BENCHMARKS_PAIRED_REPORT_H_
#define HVKIT_TESTING_BENCHMARKS_PAIRED_REPORT_H_

#include <cstddef>
#include <optional>
#include <regex>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "testing/benchmarks/paired_samples.h"

namespace hvkit::benchmarks {

struct PairedOptions {
  std::regex filter{""};  // Scenarios whose names have a match are run
  std::string out;        // Empty: no file

  // Google Benchmark's --benchmark_filter=REGEX, --benchmark_out=FILE and
  // --benchmark_out_format=json. Nothing: one line on standard error says what is wrong.
  [[nodiscard]] static std::optional<PairedOptions> Parse(int argc, char** argv);
};

// The arithmetic of a file's rows, without the machine.
void AppendPasses(const std::string& name, const RoundCounts& counts, const PairedSummary& summary,
                  nlohmann::json& rows);

class PairedReport {
 public:
  // Keeps the calling thread, and threads that it starts, on its processor, and prints what the
  // machine is.
  PairedReport(PairedOptions options, const RoundCounts& counts);

  [[nodiscard]] bool Wants(const std::string& name) const {
    return std::regex_search(name, options_.filter);
  }
  void Add(const std::string& name, const absl::StatusOr<PairedSummary>& summary);
  // The exit status of the program: not 0 if a scenario failed or the file cannot be written.
  [[nodiscard]] int Finish();

 private:
  const PairedOptions options_;
  const RoundCounts counts_;
  nlohmann::json file_;
  bool failed_ = false;
};

}  // namespace hvkit::benchmarks

#endif  // HVKIT_TESTING_BENCHMARKS_PAIRED_REPORT_H_
