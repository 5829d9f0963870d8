#include "testing/fakes/fake_reference_clock.h"

#include <cstdint>
#include <optional>

#include "gtest/gtest.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/reference_time/tsc_scale.h"
#include "testing/contracts/reference_clock_contract.h"

namespace hvkit::testing {
namespace {

using hyperv::RefDuration;
using hyperv::RefTime;

template <bool kInvariantTsc>
class Harness {
 public:
  static constexpr bool kHasInvariantTsc = kInvariantTsc;

  Harness() {
    if (!kInvariantTsc) clock_.SetInvariantTsc(std::nullopt);
  }
  const hyperv::ReferenceClock& clock() { return clock_; }
  uint64_t GuestTsc() { return clock_.GuestTsc(); }
  void PassTime() { clock_.Advance(RefDuration(3)); }
  void Pause() { clock_.SetPaused(true); }
  void Resume() { clock_.SetPaused(false); }

 private:
  FakeReferenceClock clock_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Fake, ReferenceClockContract, Harness<true>);
INSTANTIATE_TYPED_TEST_SUITE_P(FakeWithoutTsc, ReferenceClockContract, Harness<false>);

TEST(FakeReferenceClockTest, ShowsTheTimeThatWasSet) {
  FakeReferenceClock clock(RefTime(5));
  EXPECT_EQ(clock.Now(), RefTime(5));
  clock.Set(RefTime(100));
  clock.Advance(RefDuration(20));
  EXPECT_EQ(clock.Now(), RefTime(120));
}

TEST(FakeReferenceClockTest, DefaultParametersAreThoseOfItsTsc) {
  EXPECT_EQ(hyperv::ScaleOfTsc(FakeReferenceClock::kTscHz), FakeReferenceClock::kExact.scale);
}

}  // namespace
}  // namespace hvkit::testing
