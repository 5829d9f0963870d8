// Times of paired rounds and what they come to. A round runs the same work three times: by a raw
// loop, by ours, and by the raw loop once more; only times of one round are compared, so what slows
// the machine down for longer than a round falls out.
#ifndef HVKIT_TESTING_BENCHMARKS_PAIRED_SAMPLES_H_
#define HVKIT_TESTING_BENCHMARKS_PAIRED_SAMPLES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hvkit::benchmarks {

enum class Side : uint8_t { kRaw, kOurs, kRawAgain };
inline constexpr size_t kSides = 3;

// Passes of rounds of batches.
struct RoundCounts {
  size_t passes = 9;
  size_t rounds = 32;       // of a pass
  size_t operations = 500;  // of a batch
  size_t steps() const { return passes * rounds * kSides; }
};

// Which side has its turn: each comes first, second and last equally often.
constexpr Side SideOfStep(size_t step) {
  return static_cast<Side>((step / kSides + step % kSides) % kSides);
}

// Of some values; of an even number the upper one of the two in the middle.
[[nodiscard]] double Median(std::vector<double> values);

// Medians of rounds. Ratios are to the raw loop.
struct PairedTimes {
  double raw_ns = 0;   // of one operation
  double ours_ns = 0;  // the same
  double ours = 0;
  double again = 0;  // the raw loop against itself: what cannot be told apart
};

struct PairedSummary {
  PairedTimes median;  // ratios: of the passes; times: of all rounds
  std::vector<PairedTimes> passes;
};

// Not thread-safe.
class PairedSamples {
 public:
  explicit PairedSamples(const RoundCounts& counts);

  // In the order of the steps.
  void Record(Side side, double ns_per_operation) {
    times_[static_cast<size_t>(side)].push_back(ns_per_operation);
  }
  // Once all steps are recorded.
  [[nodiscard]] PairedSummary Summarize() const;

 private:
  [[nodiscard]] PairedTimes OfRounds(size_t first, size_t count) const;

  RoundCounts counts_;
  std::array<std::vector<double>, kSides> times_;
};

// Time of the calling thread: without the time that others have the processor.
[[nodiscard]] double ThreadNs();

// Runs both sides on the calling thread: `raw(n)` and `ours(n)` do n operations, and return false
// when one failed. Nothing then.
template <typename Raw, typename Ours>
[[nodiscard]] bool RunPaired(const RoundCounts& counts, Raw raw, Ours ours,
                             PairedSamples& samples) {
  for (size_t step = 0; step < counts.steps(); ++step) {
    const Side side = SideOfStep(step);
    const double start = ThreadNs();
    if (!(side == Side::kOurs ? ours(counts.operations) : raw(counts.operations))) return false;
    samples.Record(side, (ThreadNs() - start) / static_cast<double>(counts.operations));
  }
  return true;
}

}  // namespace hvkit::benchmarks

#endif  // HVKIT_TESTING_BENCHMARKS_PAIRED_SAMPLES_H_
