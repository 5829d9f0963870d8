// Times of paired rounds and what they come to. A round runs the same work three times: in the raw
// loop, in ours, and in the raw loop once more; only times of one round are compared, so what slows
// the machine down for longer than a round falls out.
#ifndef HVKIT_VCPU_HYPERV_KVM_EXIT_SAMPLES_H_
#define HVKIT_VCPU_HYPERV_KVM_EXIT_SAMPLES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hvkit::vcpu {

enum class Loop : uint8_t { kRaw, kOurs, kRawAgain };
inline constexpr size_t kLoops = 3;

// Passes of rounds of batches.
struct RoundCounts {
  size_t passes = 9;
  size_t rounds = 32;  // of a pass
  size_t exits = 500;  // of a batch
  size_t steps() const { return passes * rounds * kLoops; }
};

// Which loop has its turn: each comes first, second and last equally often.
constexpr Loop LoopOfStep(size_t step) {
  return static_cast<Loop>((step / kLoops + step % kLoops) % kLoops);
}

// A ratio to the raw loop: the median of the passes, and their range. A pass is the median of its
// rounds.
struct Ratio {
  double median = 0;
  double low = 0;
  double high = 0;
};

struct ExitSummary {
  double raw_ns = 0;   // of one exit
  double ours_ns = 0;  // the same
  Ratio ours;
  Ratio again;  // the raw loop against itself: what cannot be told apart
};

// Not thread-safe.
class ExitSamples {
 public:
  explicit ExitSamples(const RoundCounts& counts);

  // In the order of the steps.
  void Record(Loop loop, double ns_per_exit) {
    times_[static_cast<size_t>(loop)].push_back(ns_per_exit);
  }
  // Once all steps are recorded.
  [[nodiscard]] ExitSummary Summarize() const;

 private:
  [[nodiscard]] Ratio RatioOf(Loop loop) const;

  RoundCounts counts_;
  std::array<std::vector<double>, kLoops> times_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_EXIT_SAMPLES_H_
