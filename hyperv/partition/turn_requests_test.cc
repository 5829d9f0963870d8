#include "hyperv/partition/turn_requests.h"

#include <atomic>
#include <optional>
#include <thread>

#include "gtest/gtest.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "testing/fakes/fake_vp_scheduler.h"

namespace hvkit::hyperv {
namespace {

constexpr VpIndex kVp{3};

class TurnRequestsTest : public ::testing::Test {
 protected:
  testing::FakeVpScheduler host_;
  TurnRequests turns_{host_};
};

TEST_F(TurnRequestsTest, WithoutARequestThereIsNothingToDo) {
  EXPECT_FALSE(turns_.Take(RefTime(1'000'000)));
}

TEST_F(TurnRequestsTest, AKickReachesTheHostAndIsAnsweredOnce) {
  turns_.Kick(kVp);
  EXPECT_EQ(host_.kicks(kVp), 1);
  EXPECT_TRUE(turns_.Take(RefTime(0)));
  EXPECT_FALSE(turns_.Take(RefTime(0)));
}

TEST_F(TurnRequestsTest, ADeadlineReachesTheHostAndIsDueFromItsTimeOn) {
  turns_.SetDeadline(kVp, RefTime(100));
  EXPECT_EQ(host_.deadline(kVp), RefTime(100));
  EXPECT_FALSE(turns_.Take(RefTime(99)));
  EXPECT_TRUE(turns_.Take(RefTime(100)));
  EXPECT_TRUE(turns_.Take(RefTime(101)));
}

TEST_F(TurnRequestsTest, ADeadlineThatIsTakenBackIsNeverDue) {
  turns_.SetDeadline(kVp, RefTime(100));
  turns_.SetDeadline(kVp, std::nullopt);
  EXPECT_EQ(host_.deadline(kVp), std::nullopt);
  EXPECT_FALSE(turns_.Take(RefTime(1'000)));
}

// What was written before a kick is seen by the turn that answers it: none is lost.
TEST_F(TurnRequestsTest, EachKickFromAnotherThreadIsSeenWithWhatWasWrittenBefore) {
  constexpr int kLast = 10'000;
  std::atomic<int> written{0};
  std::thread kicker([&] {
    for (int i = 1; i <= kLast; ++i) {
      written.store(i, std::memory_order_relaxed);
      turns_.Kick(kVp);
    }
  });
  int seen = 0;
  while (seen != kLast) {
    if (turns_.Take(RefTime(0))) seen = written.load(std::memory_order_relaxed);
  }
  kicker.join();
  EXPECT_EQ(seen, kLast);
}

}  // namespace
}  // namespace hvkit::hyperv
