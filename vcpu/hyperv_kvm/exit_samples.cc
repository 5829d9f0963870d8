#include "vcpu/hyperv_kvm/exit_samples.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace hvkit::vcpu {
namespace {

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

ExitSamples::ExitSamples(const RoundCounts& counts) : counts_(counts) {
  for (std::vector<double>& times : times_) times.reserve(counts.passes * counts.rounds);
}

Ratio ExitSamples::RatioOf(Loop loop) const {
  const std::vector<double>& raw = times_[static_cast<size_t>(Loop::kRaw)];
  const std::vector<double>& other = times_[static_cast<size_t>(loop)];
  std::vector<double> passes;
  for (size_t first = 0; first < raw.size(); first += counts_.rounds) {
    std::vector<double> rounds;
    for (size_t i = first; i < first + counts_.rounds; ++i) rounds.push_back(other[i] / raw[i]);
    passes.push_back(Median(std::move(rounds)));
  }
  const auto [low, high] = std::minmax_element(passes.begin(), passes.end());
  return {.median = Median(passes), .low = *low, .high = *high};
}

ExitSummary ExitSamples::Summarize() const {
  return {.raw_ns = Median(times_[static_cast<size_t>(Loop::kRaw)]),
          .ours_ns = Median(times_[static_cast<size_t>(Loop::kOurs)]),
          .ours = RatioOf(Loop::kOurs),
          .again = RatioOf(Loop::kRawAgain)};
}

}  // namespace hvkit::vcpu
