#include "testing/benchmarks/paired_report.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace hvkit::benchmarks {
namespace {

using nlohmann::json;

// The rest of the first line of /proc/cpuinfo that starts with `key`, or nothing.
std::string CpuInfo(absl::string_view key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (absl::StartsWith(line, key) && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

const char* KindOfKvm() {
  const std::string flags = CpuInfo("flags") + " ";
  if (absl::StrContains(flags, " vmx ")) return "VMX";
  if (absl::StrContains(flags, " svm ")) return "SVM";
  return "software (no VMX or SVM)";
}

double RdtscNs() {
  constexpr int kCount = 1'000'000;
  const double start = ThreadNs();
  uint64_t sum = 0;
  for (int i = 0; i < kCount; ++i) sum += __builtin_ia32_rdtsc();
  const double end = ThreadNs();
  asm volatile("" ::"r"(sum));
  return (end - start) / kCount;
}

// This processor for all threads from here on.
void StayHere() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(::sched_getcpu()), &set);
  ::sched_setaffinity(0, sizeof(set), &set);
}

json Context(const RoundCounts& counts) {
  utsname name;
  ::uname(&name);
  return {{"date", absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::LocalTimeZone())},
          {"host_name", name.nodename},
          {"num_cpus", ::sysconf(_SC_NPROCESSORS_ONLN)},
          {"cpu", CpuInfo("model name")},
          {"kernel", name.release},
          {"kvm", KindOfKvm()},
          {"rdtsc_ns", RdtscNs()},
          {"passes", counts.passes},
          {"rounds", counts.rounds},
          {"operations", counts.operations}};
}

// The members that each row of the format has.
json Row(const std::string& name, const char* type, const RoundCounts& counts, double ns) {
  return {{"name", name},     {"run_name", name},
          {"run_type", type}, {"repetitions", counts.passes},
          {"threads", 1},     {"iterations", counts.rounds * counts.operations},
          {"real_time", ns},  {"cpu_time", ns},
          {"time_unit", "ns"}};
}

// A row of ours, and one of the raw loop.
void AppendTimes(const std::string& name, json row, const PairedTimes& times, json& rows) {
  row["ratio"] = times.ours;
  row["raw_ratio"] = times.again;
  rows.push_back(row);
  row.erase("ratio");
  row.erase("raw_ratio");
  const std::string raw = name + " (raw C)";
  row["name"] = row["aggregate_name"].is_null() ? raw : raw + "_median";
  row["run_name"] = raw;
  row["real_time"] = row["cpu_time"] = times.raw_ns;
  rows.push_back(std::move(row));
}

void PrintRow(const std::string& name, const PairedSummary& summary) {
  const auto range = [&summary](double PairedTimes::* ratio) {
    const auto [low, high] = std::minmax_element(
        summary.passes.begin(), summary.passes.end(),
        [ratio](const PairedTimes& a, const PairedTimes& b) { return a.*ratio < b.*ratio; });
    return std::pair((*low).*ratio, (*high).*ratio);
  };
  const auto [ours_low, ours_high] = range(&PairedTimes::ours);
  const auto [again_low, again_high] = range(&PairedTimes::again);
  const PairedTimes& median = summary.median;
  std::printf("%-36s %8.1f %8.1f  %.3f (%.3f-%.3f)   %.3f (%.3f-%.3f)\n", name.c_str(),
              median.raw_ns, median.ours_ns, median.ours, ours_low, ours_high, median.again,
              again_low, again_high);
  std::fflush(stdout);
}

// Of the kind that Google Benchmark takes; the library tells what is wrong by an exception only.
std::optional<std::regex> ParseFilter(absl::string_view text) {
  try {
    return std::regex(text.begin(), text.end(), std::regex::extended);
  } catch (const std::regex_error& error) {
    std::fprintf(stderr, "--benchmark_filter=%.*s: it is not a regular expression: %s\n",
                 static_cast<int>(text.size()), text.data(), error.what());
    return std::nullopt;
  }
}

}  // namespace

std::optional<PairedOptions> PairedOptions::Parse(int argc, char** argv) {
  PairedOptions options;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (absl::ConsumePrefix(&argument, "--benchmark_filter=")) {
      std::optional<std::regex> filter = ParseFilter(argument);
      if (!filter.has_value()) return std::nullopt;
      options.filter = *std::move(filter);
    } else if (absl::ConsumePrefix(&argument, "--benchmark_out=")) {
      options.out = std::string(argument);
    } else if (argument != "--benchmark_out_format=json") {
      std::fprintf(stderr, "%s: there are --benchmark_filter=REGEX and --benchmark_out=FILE\n",
                   argv[i]);
      return std::nullopt;
    }
  }
  return options;
}

void AppendPasses(const std::string& name, const RoundCounts& counts, const PairedSummary& summary,
                  json& rows) {
  for (size_t i = 0; i < summary.passes.size(); ++i) {
    const PairedTimes& pass = summary.passes[i];
    json row = Row(name, "iteration", counts, pass.ours_ns);
    row["repetition_index"] = i;
    AppendTimes(name, std::move(row), pass, rows);
  }
  json row = Row(name, "aggregate", counts, summary.median.ours_ns);
  row["name"] = name + "_median";
  row["aggregate_name"] = "median";
  row["aggregate_unit"] = "time";
  AppendTimes(name, std::move(row), summary.median, rows);
}

PairedReport::PairedReport(PairedOptions options, const RoundCounts& counts)
    : options_(std::move(options)), counts_(counts) {
  StayHere();
  file_ = {{"context", Context(counts)}, {"benchmarks", json::array()}};
  const json& context = file_["context"];
  std::printf("cpu: %s\nkernel: %s\nkvm: %s\nrdtsc: %.1f ns\n",
              context["cpu"].get<std::string>().c_str(),
              context["kernel"].get<std::string>().c_str(),
              context["kvm"].get<std::string>().c_str(), context["rdtsc_ns"].get<double>());
  std::printf("%zu passes of %zu rounds of 3 x %zu operations\n\n", counts.passes, counts.rounds,
              counts.operations);
  std::printf("%-36s %8s %8s  %-21s %s\n", "scenario", "raw ns", "ours ns", "ours / raw",
              "raw / raw");
}

void PairedReport::Add(const std::string& name, const absl::StatusOr<PairedSummary>& summary) {
  json& rows = file_["benchmarks"];
  if (summary.ok()) {
    AppendPasses(name, counts_, *summary, rows);
    return PrintRow(name, *summary);
  }
  failed_ = true;
  const std::string message(summary.status().message());
  std::fprintf(stderr, "%s: %s\n", name.c_str(), message.c_str());
  json row = Row(name, "iteration", counts_, 0);
  row["error_occurred"] = true;
  row["error_message"] = message;
  rows.push_back(std::move(row));
}

int PairedReport::Finish() {
  if (options_.out.empty()) return failed_ ? 1 : 0;
  std::ofstream file(options_.out);
  file << file_.dump(2) << '\n';
  file.close();
  if (file.good()) return failed_ ? 1 : 0;
  std::fprintf(stderr, "%s cannot be written\n", options_.out.c_str());
  return 1;
}

}  // namespace hvkit::benchmarks
