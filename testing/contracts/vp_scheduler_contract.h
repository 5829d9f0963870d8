// The contract of hyperv::VpScheduler as a typed test suite, for any implementation of it.
//
// An embedder writes a default-constructible harness over two virtual processors, with
//     hyperv::VpScheduler& scheduler();
//     hyperv::VpIndex vp();
//     hyperv::VpIndex other_vp();
//     hyperv::VpIndex missing_vp();    // an index that no virtual processor has
//     hyperv::RefTime Now();
//     hyperv::RefDuration Soon();      // by then a poll asked for now has started
//     void PassTime(hyperv::RefDuration);
//     int Polls(hyperv::VpIndex);      // how many polls of the VP started since the last call
// and instantiates the suite:
//     INSTANTIATE_TYPED_TEST_SUITE_P(Mine, VpSchedulerContract, MyHarness);
// Every test starts with a new harness.
#ifndef HVKIT_TESTING_CONTRACTS_VP_SCHEDULER_CONTRACT_H_
#define HVKIT_TESTING_CONTRACTS_VP_SCHEDULER_CONTRACT_H_

#include <cstdint>
#include <optional>
#include <thread>

#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/vp_scheduler.h"

namespace hvkit::testing {

template <typename Harness>
class VpSchedulerContract : public ::testing::Test {
 protected:
  hyperv::VpScheduler& scheduler() { return harness_.scheduler(); }
  hyperv::VpIndex vp() { return harness_.vp(); }
  hyperv::VpIndex other_vp() { return harness_.other_vp(); }
  // A moment so many times Soon() from now: far enough from its neighbours to be told apart.
  hyperv::RefTime In(uint64_t steps) { return harness_.Now() + Steps(steps); }
  void Pass(uint64_t steps) { harness_.PassTime(Steps(steps)); }
  int Polls(hyperv::VpIndex vp) { return harness_.Polls(vp); }

  Harness harness_;

 private:
  hyperv::RefDuration Steps(uint64_t count) {
    return hyperv::RefDuration(harness_.Soon().ticks() * count);
  }
};

TYPED_TEST_SUITE_P(VpSchedulerContract);

TYPED_TEST_P(VpSchedulerContract, NobodyIsPolledUnasked) {
  this->Pass(1);
  EXPECT_EQ(this->Polls(this->vp()), 0);
}

TYPED_TEST_P(VpSchedulerContract, KickPollsThatVpAlone) {
  this->scheduler().Kick(this->vp());
  this->Pass(1);
  EXPECT_GE(this->Polls(this->vp()), 1);
  EXPECT_EQ(this->Polls(this->other_vp()), 0);
}

TYPED_TEST_P(VpSchedulerContract, KickAfterAPollPollsAgain) {
  this->scheduler().Kick(this->vp());
  this->Pass(1);
  EXPECT_GE(this->Polls(this->vp()), 1);
  this->scheduler().Kick(this->vp());
  this->Pass(1);
  EXPECT_GE(this->Polls(this->vp()), 1);
}

TYPED_TEST_P(VpSchedulerContract, DeadlinePollsWhenItIsReachedAndNotBefore) {
  this->scheduler().SetDeadline(this->vp(), this->In(4));
  this->Pass(2);
  EXPECT_EQ(this->Polls(this->vp()), 0);
  this->Pass(3);
  EXPECT_GE(this->Polls(this->vp()), 1);
  EXPECT_EQ(this->Polls(this->other_vp()), 0);
}

TYPED_TEST_P(VpSchedulerContract, PassedDeadlinePollsSoon) {
  this->Pass(2);
  this->scheduler().SetDeadline(this->vp(), hyperv::RefTime(0));
  this->Pass(1);
  EXPECT_GE(this->Polls(this->vp()), 1);
}

TYPED_TEST_P(VpSchedulerContract, LaterDeadlineReplacesTheEarlier) {
  this->scheduler().SetDeadline(this->vp(), this->In(2));
  this->scheduler().SetDeadline(this->vp(), this->In(6));
  this->Pass(4);
  EXPECT_EQ(this->Polls(this->vp()), 0);
  this->Pass(3);
  EXPECT_GE(this->Polls(this->vp()), 1);
}

TYPED_TEST_P(VpSchedulerContract, EarlierDeadlineReplacesTheLater) {
  this->scheduler().SetDeadline(this->vp(), this->In(60));
  this->scheduler().SetDeadline(this->vp(), this->In(2));
  this->Pass(3);
  EXPECT_GE(this->Polls(this->vp()), 1);
}

TYPED_TEST_P(VpSchedulerContract, NoDeadlineTakesItBack) {
  this->scheduler().SetDeadline(this->vp(), this->In(2));
  this->scheduler().SetDeadline(this->vp(), std::nullopt);
  this->Pass(4);
  EXPECT_EQ(this->Polls(this->vp()), 0);
}

TYPED_TEST_P(VpSchedulerContract, DeadlineAtTheEndOfTimeIsNotReached) {
  this->scheduler().SetDeadline(this->vp(), hyperv::RefTime(~uint64_t{0}));
  this->Pass(2);
  EXPECT_EQ(this->Polls(this->vp()), 0);
}

TYPED_TEST_P(VpSchedulerContract, KickLeavesTheDeadline) {
  this->scheduler().SetDeadline(this->vp(), this->In(4));
  this->scheduler().Kick(this->vp());
  this->Pass(1);
  EXPECT_GE(this->Polls(this->vp()), 1);
  this->Pass(4);
  EXPECT_GE(this->Polls(this->vp()), 1);
}

TYPED_TEST_P(VpSchedulerContract, EachVpHasItsOwnDeadline) {
  this->scheduler().SetDeadline(this->vp(), this->In(2));
  this->scheduler().SetDeadline(this->other_vp(), this->In(6));
  this->Pass(4);
  EXPECT_GE(this->Polls(this->vp()), 1);
  EXPECT_EQ(this->Polls(this->other_vp()), 0);
}

TYPED_TEST_P(VpSchedulerContract, MissingVpPollsNobody) {
  const hyperv::VpIndex missing = this->harness_.missing_vp();
  this->scheduler().Kick(missing);
  this->scheduler().SetDeadline(missing, this->In(1));
  this->Pass(3);
  EXPECT_EQ(this->Polls(this->vp()), 0);
  EXPECT_EQ(this->Polls(this->other_vp()), 0);
}

TYPED_TEST_P(VpSchedulerContract, KicksFromTwoThreadsBothCount) {
  std::thread other([this] { this->scheduler().Kick(this->other_vp()); });
  this->scheduler().Kick(this->vp());
  other.join();
  this->Pass(1);
  EXPECT_GE(this->Polls(this->vp()), 1);
  EXPECT_GE(this->Polls(this->other_vp()), 1);
}

REGISTER_TYPED_TEST_SUITE_P(VpSchedulerContract, NobodyIsPolledUnasked, KickPollsThatVpAlone,
                            KickAfterAPollPollsAgain, DeadlinePollsWhenItIsReachedAndNotBefore,
                            PassedDeadlinePollsSoon, LaterDeadlineReplacesTheEarlier,
                            EarlierDeadlineReplacesTheLater, NoDeadlineTakesItBack,
                            DeadlineAtTheEndOfTimeIsNotReached, KickLeavesTheDeadline,
                            EachVpHasItsOwnDeadline, MissingVpPollsNobody,
                            KicksFromTwoThreadsBothCount);

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_CONTRACTS_VP_SCHEDULER_CONTRACT_H_
