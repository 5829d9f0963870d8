// An InterruptSink for tests: it writes down what it is asked for.
#ifndef HVKIT_TESTING_FAKES_FAKE_INTERRUPT_SINK_H_
#define HVKIT_TESTING_FAKES_FAKE_INTERRUPT_SINK_H_

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"

namespace hvkit::testing {

struct InterruptRequest {
  hyperv::VpIndex vp;
  hyperv::Vector vector;
  hyperv::EoiMode eoi = hyperv::EoiMode::kNormal;

  friend bool operator==(const InterruptRequest&, const InterruptRequest&) = default;
};

// Thread-safe.
class FakeInterruptSink : public hyperv::InterruptSink {
 public:
  enum class AutoEoi { kSupported, kUnsupported };

  explicit FakeInterruptSink(AutoEoi auto_eoi = AutoEoi::kSupported) : auto_eoi_(auto_eoi) {}

  // The requests since the last call, in order.
  std::vector<InterruptRequest> Take() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(requests_, {});
  }
  size_t pending() const {
    const std::scoped_lock lock(mutex_);
    return requests_.size();
  }

  void RequestFixed(hyperv::VpIndex vp, hyperv::Vector vector, hyperv::EoiMode eoi) override {
    const std::scoped_lock lock(mutex_);
    requests_.push_back({vp, vector, eoi});
  }
  bool SupportsAutoEoi() const override { return auto_eoi_ == AutoEoi::kSupported; }

 private:
  const AutoEoi auto_eoi_;
  mutable std::mutex mutex_;
  std::vector<InterruptRequest> requests_;  // Guarded by mutex_
};

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_FAKES_FAKE_INTERRUPT_SINK_H_
