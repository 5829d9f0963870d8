// A ReferenceClock for tests: time passes when the test says so.
//
// Its guest TSC counts 256 times in 100 ns, so that the default parameters of the TSC page give the
// time exactly.
#ifndef HVKIT_TESTING_FAKES_FAKE_REFERENCE_CLOCK_H_
#define HVKIT_TESTING_FAKES_FAKE_REFERENCE_CLOCK_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"

namespace hvkit::testing {

// Thread-safe.
class FakeReferenceClock : public hyperv::ReferenceClock {
 public:
  static constexpr uint64_t kTscPerTick = 256;
  static constexpr uint64_t kTscHz = kTscPerTick * hyperv::RefDuration::kTicksPerSecond;
  static constexpr hyperv::TscParameters kExact{.scale = uint64_t{1} << 56, .offset = 0};

  FakeReferenceClock() = default;
  explicit FakeReferenceClock(hyperv::RefTime now) : ticks_(now.ticks()) {}

  void Advance(hyperv::RefDuration by) {
    if (!paused_.load()) ticks_.fetch_add(by.ticks());
  }
  void Set(hyperv::RefTime now) { ticks_.store(now.ticks()); }
  // While paused, Advance does nothing.
  void SetPaused(bool paused) { paused_.store(paused); }
  void SetInvariantTsc(std::optional<hyperv::TscParameters> parameters) {
    const std::scoped_lock lock(mutex_);
    parameters_ = parameters;
  }
  // With parameters other than the default this does not agree with Now().
  uint64_t GuestTsc() const { return ticks_.load() * kTscPerTick; }

  hyperv::RefTime Now() const override { return hyperv::RefTime(ticks_.load()); }
  std::optional<hyperv::TscParameters> InvariantTsc() const override {
    const std::scoped_lock lock(mutex_);
    return parameters_;
  }

 private:
  std::atomic<uint64_t> ticks_{0};
  std::atomic<bool> paused_{false};
  mutable std::mutex mutex_;
  std::optional<hyperv::TscParameters> parameters_ = kExact;  // Guarded by mutex_
};

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_FAKES_FAKE_REFERENCE_CLOCK_H_
