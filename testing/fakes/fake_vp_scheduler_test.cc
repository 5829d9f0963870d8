#include "testing/fakes/fake_vp_scheduler.h"

#include <map>
#include <optional>
#include <utility>

#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/vp_scheduler.h"
#include "testing/contracts/vp_scheduler_contract.h"

namespace hvkit::testing {
namespace {

using hyperv::RefDuration;
using hyperv::RefTime;
using hyperv::VpIndex;

class Harness {
 public:
  hyperv::VpScheduler& scheduler() { return scheduler_; }
  VpIndex vp() { return VpIndex(0); }
  VpIndex other_vp() { return VpIndex(1); }
  VpIndex missing_vp() { return VpIndex(7); }
  RefTime Now() { return now_; }
  RefDuration Soon() { return RefDuration(10); }
  // The host looks once in a while.
  void PassTime(RefDuration by) {
    const RefTime end = now_ + by;
    for (; now_ < end; now_ = now_ + RefDuration(1)) Look();
    Look();
  }
  int Polls(VpIndex vp) { return std::exchange(polls_[vp], 0); }

 private:
  void Look() {
    for (const VpIndex vp : {vp(), other_vp()}) polls_[vp] += scheduler_.TakePoll(vp, now_) ? 1 : 0;
  }

  FakeVpScheduler scheduler_;
  RefTime now_;
  std::map<VpIndex, int> polls_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Fake, VpSchedulerContract, Harness);

TEST(FakeVpSchedulerTest, KeepsWhatItWasAskedFor) {
  FakeVpScheduler scheduler;
  scheduler.Kick(VpIndex(2));
  scheduler.Kick(VpIndex(2));
  scheduler.SetDeadline(VpIndex(2), RefTime(5));
  EXPECT_EQ(scheduler.kicks(VpIndex(2)), 2);
  EXPECT_EQ(scheduler.deadline(VpIndex(2)), RefTime(5));
  EXPECT_EQ(scheduler.deadlines_set(VpIndex(2)), 1);
}

TEST(FakeVpSchedulerTest, KnowsNothingOfAVpThatWasNeverNamed) {
  const FakeVpScheduler scheduler;
  EXPECT_EQ(scheduler.kicks(VpIndex(0)), 0);
  EXPECT_EQ(scheduler.deadline(VpIndex(0)), std::nullopt);
  EXPECT_EQ(scheduler.deadlines_set(VpIndex(0)), 0);
}

TEST(FakeVpSchedulerTest, PollAnswersSeveralKicksAndTheDueDeadline) {
  FakeVpScheduler scheduler;
  scheduler.Kick(VpIndex(0));
  scheduler.Kick(VpIndex(0));
  scheduler.SetDeadline(VpIndex(0), RefTime(5));
  EXPECT_TRUE(scheduler.TakePoll(VpIndex(0), RefTime(5)));
  EXPECT_FALSE(scheduler.TakePoll(VpIndex(0), RefTime(5)));
  EXPECT_EQ(scheduler.deadline(VpIndex(0)), std::nullopt);
}

}  // namespace
}  // namespace hvkit::testing
