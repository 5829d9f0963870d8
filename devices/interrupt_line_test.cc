#include "devices/interrupt_line.h"

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hvkit::devices {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class InterruptLineTest : public ::testing::Test {
 protected:
  std::function<void()> during_call_ = [] {};
  std::vector<bool> told_;
  InterruptLine line_{[this](bool level) {
    told_.push_back(level);
    std::exchange(during_call_, [] {})();
  }};
};

TEST_F(InterruptLineTest, NothingIsToldBeforeDeliver) {
  line_.Set(true);

  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(InterruptLineTest, LowLineAtStartIsNotTold) {
  line_.Set(false);
  line_.Deliver();

  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(InterruptLineTest, EachChangeIsToldOnce) {
  line_.Set(true);
  line_.Deliver();
  line_.Set(true);
  line_.Deliver();
  line_.Set(false);
  line_.Deliver();

  EXPECT_THAT(told_, ElementsAre(true, false));
}

TEST_F(InterruptLineTest, PulseBetweenDeliveriesIsDropped) {
  line_.Set(true);
  line_.Set(false);
  line_.Deliver();

  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(InterruptLineTest, FallAndRiseBetweenDeliveriesAreBothTold) {
  line_.Set(true);
  line_.Deliver();
  line_.Set(false);
  line_.Set(true);
  line_.Deliver();

  EXPECT_THAT(told_, ElementsAre(true, false, true));
}

TEST_F(InterruptLineTest, ChangeDuringCallbackIsToldAfterIt) {
  during_call_ = [this] {
    line_.Set(false);
    line_.Deliver();
    EXPECT_THAT(told_, ElementsAre(true));
  };
  line_.Set(true);
  line_.Deliver();

  EXPECT_THAT(told_, ElementsAre(true, false));
}

TEST_F(InterruptLineTest, FallAndRiseDuringCallbackAreBothTold) {
  during_call_ = [this] {
    line_.Set(false);
    line_.Set(true);
  };
  line_.Set(true);
  line_.Deliver();

  EXPECT_THAT(told_, ElementsAre(true, false, true));
}

TEST_F(InterruptLineTest, ConcurrentChangesAlternateAndEndAtLastLevel) {
  // The callback writes told_ without a lock: a thread sanitizer proves that calls do not overlap.
  const auto toggle = [this] {
    for (int i = 0; i < 2000; ++i) {
      line_.Set(i % 2 == 0);
      line_.Deliver();
    }
  };
  std::thread one(toggle);
  std::thread two(toggle);
  one.join();
  two.join();
  line_.Set(true);
  line_.Deliver();

  ASSERT_EQ(told_.size() % 2, 1u);
  for (size_t i = 0; i < told_.size(); ++i) EXPECT_EQ(told_[i], i % 2 == 0) << i;
}

}  // namespace
}  // namespace hvkit::devices
