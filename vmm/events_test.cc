#include "vmm/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "nlohmann/json.hpp"
#include "testing/status_matchers.h"

namespace hvkit::vmm {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class EventsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(log_, EventLog::Open(path_)); }

  std::vector<std::string> Lines() const {
    std::ifstream file(path_);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  // The only line, parsed.
  Json Line() const {
    const std::vector<std::string> lines = Lines();
    if (lines.size() != 1) return Json(lines);
    return Json::parse(lines.front(), nullptr, false);
  }

  const std::string path_ = ::testing::TempDir() + "/events_" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name();
  std::unique_ptr<EventLog> log_;
};

TEST_F(EventsTest, CrashCarriesParametersAndMessage) {
  log_->Report(GuestCrash{{1, 2, 3, 4, UINT64_MAX}, "panic \"now\"\n"});
  EXPECT_EQ(Line(), Json({{"event", "guest_crash"},
                          {"P0", 1},
                          {"P1", 2},
                          {"P2", 3},
                          {"P3", 4},
                          {"P4", UINT64_MAX},
                          {"message", "panic \"now\"\n"}}));
}

TEST_F(EventsTest, CrashWithoutMessageHasNoKeyForIt) {
  log_->Report(GuestCrash{{1, 2, 3, 4, 5}, std::nullopt});
  EXPECT_FALSE(Line().contains("message"));
  EXPECT_EQ(Line()["P4"], 5);
}

TEST_F(EventsTest, CrashMessageBecomesValidUtf8) {
  log_->Report(GuestCrash{{}, std::string("a\xff\xc3(\0b", 6)});
  EXPECT_EQ(Line()["message"], std::string("a\xef\xbf\xbd\xef\xbf\xbd(\0b", 10));
}

TEST_F(EventsTest, EventNameComesFirst) {
  log_->ReportDebugExit(3, 7);
  ASSERT_EQ(Lines().size(), 1u);
  EXPECT_EQ(Lines()[0], R"({"event":"debug_exit","value":3,"status":7})");
}

TEST_F(EventsTest, ResetAndShutdownAreObjects) {
  log_->ReportGuestReset();
  log_->ReportGuestShutdown();
  EXPECT_EQ(Lines(), (std::vector<std::string>{R"({"event":"guest_reset"})",
                                               R"({"event":"guest_shutdown"})"}));
}

TEST_F(EventsTest, EnlightenmentsCarryValuesAndReasons) {
  log_->Report(
      EnlightenmentsInForce{.backend = "kernel",
                            .in_force = {{"hv_time", std::nullopt}, {"hv_spinlocks", "0x1fff"}},
                            .absent = {{"hv_evmcs", "no capability"}}});
  EXPECT_EQ(Line(), Json::parse(R"({"event": "enlightenments", "backend": "kernel",
      "in_force": [{"name": "hv_time"}, {"name": "hv_spinlocks", "value": "0x1fff"}],
      "absent": [{"name": "hv_evmcs", "reason": "no capability"}]})"));
}

TEST_F(EventsTest, EmptyEnlightenmentsAreEmptyArrays) {
  log_->Report(EnlightenmentsInForce{.backend = "user", .in_force = {}, .absent = {}});
  EXPECT_EQ(Line()["in_force"], Json::array());
  EXPECT_EQ(Line()["absent"], Json::array());
}

TEST_F(EventsTest, ExitStatsCountByReason) {
  log_->ReportExitStats({{"io", 3}, {"hlt", 1}});
  EXPECT_EQ(Line()["exits"], Json::parse(R"({"io": 3, "hlt": 1})"));
}

TEST_F(EventsTest, LinesOfThreadsDoNotMix) {
  const auto report = [this] {
    for (int i = 0; i < 100; ++i) log_->ReportGuestReset();
  };
  std::thread other(report);
  report();
  other.join();
  EXPECT_THAT(Lines(),
              AllOf(::testing::SizeIs(200), ::testing::Each(R"({"event":"guest_reset"})")));
}

TEST(EventLogTest, DefaultDiscards) {
  EventLog log;
  log.ReportGuestReset();
  EXPECT_OK(log.status());
}

TEST(EventLogTest, UnopenablePathIsBadInput) {
  EXPECT_THAT(EventLog::Open("/nonexistent/events").status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--events=/nonexistent/events"), HasSubstr("or -"))));
}

TEST(EventLogTest, FailedWriteIsKept) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<EventLog> log, EventLog::Open("/dev/full"));
  log->ReportGuestReset();
  EXPECT_THAT(log->status(), StatusIs(absl::StatusCode::kUnknown, HasSubstr("/dev/full")));
}

}  // namespace
}  // namespace hvkit::vmm
