#include "vmm/ending.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "testing/status_matchers.h"

namespace hvkit::vmm {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What ReportEnding says and what it adds to the event stream.
class ReportEndingTest : public ::testing::Test {
 protected:
  struct Said {
    EndReport report;
    std::string events;
  };
  Said Report(const Ending& ending) {
    const std::string path = ::testing::TempDir() + "/ending_events";
    absl::StatusOr<std::unique_ptr<EventLog>> log = EventLog::Open(path);
    EXPECT_OK(log);
    const EndReport report = ReportEnding(ending, **log);
    std::ifstream file(path);
    return {report, std::string(std::istreambuf_iterator<char>(file), {})};
  }
};

TEST_F(ReportEndingTest, PowerOffIsSuccess) {
  const Said said = Report(PoweredOff{});
  EXPECT_EQ(said.report.status, 0);
  EXPECT_THAT(said.events, HasSubstr("guest_shutdown"));
}

TEST_F(ReportEndingTest, ResetIsSuccessAndNamesItsMeans) {
  const Said said = Report(WasReset{"keyboard controller"});
  EXPECT_EQ(said.report.status, 0);
  EXPECT_THAT(said.report.line, HasSubstr("keyboard controller"));
  EXPECT_THAT(said.events, HasSubstr("guest_reset"));
}

TEST_F(ReportEndingTest, DebugExitStatusIsTwiceTheValuePlusOne) {
  const Said said = Report(DebugExited{3});
  EXPECT_EQ(said.report.status, 7);
  EXPECT_THAT(said.events, HasSubstr("debug_exit"));
}

TEST_F(ReportEndingTest, CrashIsFourAndCarriesItsMessage) {
  const Said said = Report(Crashed{{.parameters = {0xdead, 2, 3, 4, 5}, .message = "oops"}});
  EXPECT_EQ(said.report.status, 4);
  EXPECT_THAT(said.report.line, HasSubstr("0xdead"));
  EXPECT_THAT(said.events, HasSubstr("oops"));
}

TEST_F(ReportEndingTest, TripleFaultIsFiveWithRegisters) {
  const Said said = Report(TripleFaulted{1, "  rip 0000"});
  EXPECT_EQ(said.report.status, 5);
  EXPECT_THAT(said.report.line, HasSubstr("rip 0000"));
  EXPECT_THAT(said.events, IsEmpty());
}

TEST_F(ReportEndingTest, FailureIsFiveWithItsMessage) {
  const Said said = Report(Failed{absl::InternalError("KVM_RUN: EFAULT")});
  EXPECT_EQ(said.report.status, 5);
  EXPECT_EQ(said.report.line, "KVM_RUN: EFAULT");
}

TEST_F(ReportEndingTest, SignalIs128PlusItsNumber) {
  EXPECT_EQ(Report(Signalled{SIGTERM}).report.status, 143);
}

class EndLatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(latch_.Open());
    latch_.set_on_end([this] { ++calls_; });
  }
  bool IsReadable() {
    pollfd fd{latch_.fd(), POLLIN, 0};
    return poll(&fd, 1, 0) == 1;
  }

  EndLatch latch_;
  int calls_ = 0;
};

TEST_F(EndLatchTest, NothingHasEndedAtFirst) {
  EXPECT_FALSE(latch_.Get().has_value());
  EXPECT_FALSE(IsReadable());
}

TEST_F(EndLatchTest, EndCallsOutAndWakes) {
  latch_.End(PoweredOff{});
  EXPECT_EQ(calls_, 1);
  EXPECT_TRUE(IsReadable());
}

TEST_F(EndLatchTest, TheFirstEndCounts) {
  latch_.End(DebugExited{1});
  latch_.End(PoweredOff{});
  ASSERT_TRUE(latch_.Get().has_value());
  EXPECT_TRUE(std::holds_alternative<DebugExited>(*latch_.Get()));
  EXPECT_EQ(calls_, 1);
}

}  // namespace
}  // namespace hvkit::vmm
