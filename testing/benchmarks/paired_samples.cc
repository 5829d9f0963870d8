#include "testing/benchmarks/paired_samples.h"

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <utility>
#include <vector>

namespace hvkit::benchmarks {

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

namespace {

std::vector<double> Part(const std::vector<double>& values, size_t first, size_t count) {
  const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

double MedianRatio(std::vector<double> values, const std::vector<double>& bases) {
  for (size_t i = 0; i < values.size(); ++i) values[i] /= bases[i];
  return Median(std::move(values));
}

double MedianOf(const std::vector<PairedTimes>& passes, double PairedTimes::* member) {
  std::vector<double> values;
  values.reserve(passes.size());
  for (const PairedTimes& pass : passes) values.push_back(pass.*member);
  return Median(std::move(values));
}

}  // namespace

PairedSamples::PairedSamples(const RoundCounts& counts) : counts_(counts) {
  for (std::vector<double>& times : times_) times.reserve(counts.passes * counts.rounds);
}

PairedTimes PairedSamples::OfRounds(size_t first, size_t count) const {
  const auto of = [&](Side side) { return Part(times_[static_cast<size_t>(side)], first, count); };
  const std::vector<double> raw = of(Side::kRaw);
  return {.raw_ns = Median(raw),
          .ours_ns = Median(of(Side::kOurs)),
          .ours = MedianRatio(of(Side::kOurs), raw),
          .again = MedianRatio(of(Side::kRawAgain), raw)};
}

PairedSummary PairedSamples::Summarize() const {
  PairedSummary summary;
  for (size_t pass = 0; pass < counts_.passes; ++pass) {
    summary.passes.push_back(OfRounds(pass * counts_.rounds, counts_.rounds));
  }
  summary.median = OfRounds(0, counts_.passes * counts_.rounds);
  summary.median.ours = MedianOf(summary.passes, &PairedTimes::ours);
  summary.median.again = MedianOf(summary.passes, &PairedTimes::again);
  return summary;
}

double ThreadNs() {
  timespec now;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

}  // namespace hvkit::benchmarks
