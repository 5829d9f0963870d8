// The contract of hyperv::ReferenceClock as a typed test suite, for any implementation of it.
//
// An embedder writes a default-constructible harness over a running clock with
//     static constexpr bool kHasInvariantTsc;  // whether the clock gives TSC parameters
//     const hyperv::ReferenceClock& clock();
//     uint64_t GuestTsc();  // what a guest's RDTSC would give now; not called without the above
//     void PassTime();      // returns once at least 100 ns have passed on the machine
//     void Pause();         // stops the partition's time
//     void Resume();
// and instantiates the suite:
//     INSTANTIATE_TYPED_TEST_SUITE_P(Mine, ReferenceClockContract, MyHarness);
// Every test starts with a new harness.
#ifndef HVKIT_TESTING_CONTRACTS_REFERENCE_CLOCK_CONTRACT_H_
#define HVKIT_TESTING_CONTRACTS_REFERENCE_CLOCK_CONTRACT_H_

#include <atomic>
#include <optional>
#include <thread>

#include "gtest/gtest.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/reference_time/tsc_scale.h"

namespace hvkit::testing {

template <typename Harness>
class ReferenceClockContract : public ::testing::Test {
 protected:
  hyperv::RefTime Now() { return harness_.clock().Now(); }

  Harness harness_;
};

TYPED_TEST_SUITE_P(ReferenceClockContract);

TYPED_TEST_P(ReferenceClockContract, TimePasses) {
  const hyperv::RefTime before = this->Now();
  this->harness_.PassTime();
  EXPECT_GT(this->Now(), before);
}

TYPED_TEST_P(ReferenceClockContract, TimeNeverGoesBack) {
  hyperv::RefTime last = this->Now();
  for (int i = 0; i < 1000; ++i) {
    if (i % 100 == 0) this->harness_.PassTime();
    const hyperv::RefTime now = this->Now();
    ASSERT_GE(now, last);
    last = now;
  }
}

// A reading that was published before another one began is not later than that one.
TYPED_TEST_P(ReferenceClockContract, TimeNeverGoesBackOverTwoThreads) {
  std::atomic<hyperv::RefTime> published{this->Now()};
  int went_back = 0;
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done.load()) published.store(this->harness_.clock().Now());
  });
  for (int i = 0; i < 1000; ++i) {
    if (i % 100 == 0) this->harness_.PassTime();
    const hyperv::RefTime theirs = published.load();
    went_back += this->Now() < theirs ? 1 : 0;
  }
  done.store(true);
  other.join();
  EXPECT_EQ(went_back, 0);
}

TYPED_TEST_P(ReferenceClockContract, TimeStandsStillWhilePaused) {
  this->harness_.PassTime();
  this->harness_.Pause();
  const hyperv::RefTime stopped = this->Now();
  this->harness_.PassTime();
  EXPECT_EQ(this->Now(), stopped);
}

TYPED_TEST_P(ReferenceClockContract, TimeGoesOnFromThereAfterThePause) {
  this->harness_.Pause();
  const hyperv::RefTime stopped = this->Now();
  this->harness_.Resume();
  this->harness_.PassTime();
  EXPECT_GT(this->Now(), stopped);
}

TYPED_TEST_P(ReferenceClockContract, TscParametersAreThereIfTheHarnessSaysSo) {
  EXPECT_EQ(this->harness_.clock().InvariantTsc().has_value(), TypeParam::kHasInvariantTsc);
}

TYPED_TEST_P(ReferenceClockContract, NowLiesBetweenTwoReadingsOfTheTsc) {
  if constexpr (TypeParam::kHasInvariantTsc) {
    for (int i = 0; i < 100; ++i) {
      this->harness_.PassTime();
      const std::optional<hyperv::TscParameters> tsc = this->harness_.clock().InvariantTsc();
      ASSERT_TRUE(tsc.has_value());
      const hyperv::RefTime before = ReferenceTimeAt(this->harness_.GuestTsc(), *tsc);
      const hyperv::RefTime now = this->Now();
      const hyperv::RefTime after = ReferenceTimeAt(this->harness_.GuestTsc(), *tsc);
      ASSERT_LE(before, now);
      ASSERT_LE(now, after);
    }
  } else {
    EXPECT_EQ(this->harness_.clock().InvariantTsc(), std::nullopt);
  }
}

REGISTER_TYPED_TEST_SUITE_P(ReferenceClockContract, TimePasses, TimeNeverGoesBack,
                            TimeNeverGoesBackOverTwoThreads, TimeStandsStillWhilePaused,
                            TimeGoesOnFromThereAfterThePause,
                            TscParametersAreThereIfTheHarnessSaysSo,
                            NowLiesBetweenTwoReadingsOfTheTsc);

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_CONTRACTS_REFERENCE_CLOCK_CONTRACT_H_
