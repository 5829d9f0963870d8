// hvkit's contract suites over the toy VMM's classes.
#include "toy_host.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "testing/contracts/guest_memory_contract.h"
#include "testing/contracts/interrupt_sink_contract.h"
#include "testing/contracts/reference_clock_contract.h"
#include "testing/contracts/vp_scheduler_contract.h"

namespace hvkit::testing {
namespace {

class ToyMemoryHarness {
 public:
  hyperv::GuestMemory& memory() { return memory_; }
  hyperv::Gpa ram() { return hyperv::Gpa(0); }
  hyperv::Gpa ram_end() { return hyperv::Gpa(memory_.size()); }
  std::optional<hyperv::Gpn> read_only_page() { return std::nullopt; }

 private:
  toy::Memory memory_{8 * hyperv::kPageSize};
};

class ToyClockHarness {
 public:
  static constexpr bool kHasInvariantTsc = false;

  const hyperv::ReferenceClock& clock() { return clock_; }
  uint64_t GuestTsc() { return 0; }
  void PassTime() {
    const auto start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - start < std::chrono::nanoseconds(200)) {
    }
  }
  void Pause() { clock_.Pause(); }
  void Resume() { clock_.Resume(); }

 private:
  toy::Clock clock_;
};

class ToyInterruptsHarness {
 public:
  hyperv::InterruptSink& sink() { return sink_; }
  hyperv::VpIndex vp() { return hyperv::VpIndex(0); }
  hyperv::VpIndex other_vp() { return hyperv::VpIndex(1); }
  hyperv::VpIndex missing_vp() { return hyperv::VpIndex(toy::kMaxVps); }
  std::vector<hyperv::Vector> Taken(hyperv::VpIndex vp) {
    std::vector<hyperv::Vector> taken;
    while (const std::optional<hyperv::Vector> vector = sink_.Take(vp)) taken.push_back(*vector);
    return taken;
  }

 private:
  toy::Interrupts sink_{[](hyperv::VpIndex) {}};
};

// Time that passes when the test says so.
class SteppedClock final : public hyperv::ReferenceClock {
 public:
  void Pass(hyperv::RefDuration duration) { now_ = now_ + duration; }
  hyperv::RefTime Now() const override { return now_; }
  std::optional<hyperv::TscParameters> InvariantTsc() const override { return std::nullopt; }

 private:
  hyperv::RefTime now_{1000};
};

class ToySchedulerHarness {
 public:
  hyperv::VpScheduler& scheduler() { return scheduler_; }
  hyperv::VpIndex vp() { return hyperv::VpIndex(0); }
  hyperv::VpIndex other_vp() { return hyperv::VpIndex(1); }
  hyperv::VpIndex missing_vp() { return hyperv::VpIndex(toy::kMaxVps); }
  hyperv::RefTime Now() { return clock_.Now(); }
  hyperv::RefDuration Soon() { return hyperv::RefDuration(10); }
  void PassTime(hyperv::RefDuration duration) { clock_.Pass(duration); }
  int Polls(hyperv::VpIndex vp) { return scheduler_.TakePoll(vp) ? 1 : 0; }

 private:
  SteppedClock clock_;
  toy::Scheduler scheduler_{clock_, [](hyperv::VpIndex) {}};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Toy, GuestMemoryContract, ToyMemoryHarness);
INSTANTIATE_TYPED_TEST_SUITE_P(Toy, ReferenceClockContract, ToyClockHarness);
INSTANTIATE_TYPED_TEST_SUITE_P(Toy, InterruptSinkContract, ToyInterruptsHarness);
INSTANTIATE_TYPED_TEST_SUITE_P(Toy, VpSchedulerContract, ToySchedulerHarness);

}  // namespace
}  // namespace hvkit::testing
