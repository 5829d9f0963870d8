#include "vcpu/hyperv_kvm/start_request.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>

#include "hyperv/host/ids.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/status.h"

namespace hvkit::vcpu {
namespace {

using hyperv::VpIndex;
using hyperv::tlfs::HvStatus;
using hyperv::tlfs::InitialVpContext;

constexpr VpIndex kCaller{0};
constexpr VpIndex kAnother{2};
constexpr auto kNotYet = std::nullopt;

class StartRequestTest : public ::testing::Test {
 protected:
  std::optional<HvStatus> Ask(VpIndex caller, uint64_t rip = 0x1000) {
    InitialVpContext context{};
    context.rip = rip;
    return request_.Ask(caller, context);
  }

  StartRequest request_{StartRequest::Boot::kWaits};
};

TEST_F(StartRequestTest, CallerLearnsTheAnswerWhenItAsksAgain) {
  EXPECT_EQ(Ask(kCaller), kNotYet);
  EXPECT_EQ(Ask(kCaller), kNotYet);
  const InitialVpContext* const context = request_.Take();
  ASSERT_NE(context, nullptr);
  EXPECT_EQ(context->rip, 0x1000u);
  EXPECT_EQ(Ask(kCaller), kNotYet);
  request_.Answer(HvStatus::kSuccess);
  EXPECT_EQ(Ask(kCaller), HvStatus::kSuccess);
}

TEST_F(StartRequestTest, StartedVpIsRefusedFromThenOn) {
  EXPECT_EQ(Ask(kCaller), kNotYet);
  ASSERT_NE(request_.Take(), nullptr);
  request_.Answer(HvStatus::kSuccess);
  EXPECT_EQ(Ask(kCaller), HvStatus::kSuccess);
  EXPECT_EQ(Ask(kCaller), HvStatus::kInvalidVpState);
  EXPECT_EQ(request_.Take(), nullptr);
}

TEST_F(StartRequestTest, SomebodyElsesStartIsRefusedMeanwhile) {
  EXPECT_EQ(Ask(kCaller), kNotYet);
  EXPECT_EQ(Ask(kAnother), HvStatus::kInvalidVpState);
  ASSERT_NE(request_.Take(), nullptr);
  EXPECT_EQ(Ask(kAnother), HvStatus::kInvalidVpState);
  request_.Answer(HvStatus::kSuccess);
  EXPECT_EQ(Ask(kAnother), HvStatus::kInvalidVpState);
  EXPECT_EQ(Ask(kCaller), HvStatus::kSuccess);
}

TEST_F(StartRequestTest, VpThatCouldNotBeStartedWaitsOn) {
  EXPECT_EQ(Ask(kCaller), kNotYet);
  ASSERT_NE(request_.Take(), nullptr);
  request_.Answer(HvStatus::kInvalidRegisterValue);
  EXPECT_EQ(Ask(kCaller), HvStatus::kInvalidRegisterValue);
  EXPECT_EQ(Ask(kCaller, 0x2000), kNotYet);
  const InitialVpContext* const context = request_.Take();
  ASSERT_NE(context, nullptr);
  EXPECT_EQ(context->rip, 0x2000u);
}

TEST_F(StartRequestTest, AnswerThatNobodyFetchedDoesNotReachTheNextCaller) {
  EXPECT_EQ(Ask(kCaller), kNotYet);
  ASSERT_NE(request_.Take(), nullptr);
  request_.Answer(HvStatus::kInvalidRegisterValue);
  EXPECT_EQ(Ask(kAnother), kNotYet);
  EXPECT_EQ(Ask(kCaller), HvStatus::kInvalidVpState);
  ASSERT_NE(request_.Take(), nullptr);
  request_.Answer(HvStatus::kSuccess);
  EXPECT_EQ(Ask(kAnother), HvStatus::kSuccess);
}

TEST_F(StartRequestTest, VpThatTurnsOutToRunIsRefused) {
  EXPECT_EQ(Ask(kCaller), kNotYet);
  request_.NoteRunning();
  EXPECT_EQ(request_.Take(), nullptr);
  EXPECT_EQ(Ask(kCaller), HvStatus::kInvalidVpState);
}

// Whoever is taken has written all of its context, and whoever has asked is answered.
TEST_F(StartRequestTest, CallersThatRaceAreEachAnsweredWithWholeContexts) {
  constexpr int kStarts = 2000;
  std::atomic<int> done = 0;
  const auto start = [&](VpIndex caller) {
    InitialVpContext context{};
    context.rip = context.rsp = caller.value();
    for (int i = 0; i < kStarts; ++i) {
      while (request_.Ask(caller, context) != HvStatus::kInvalidRegisterValue) {
        std::this_thread::yield();
      }
    }
    ++done;
  };
  std::thread first(start, kCaller);
  std::thread second(start, kAnother);
  while (done < 2) {
    const InitialVpContext* const context = request_.Take();
    if (context == nullptr) continue;
    EXPECT_EQ(context->rip, context->rsp);
    request_.Answer(HvStatus::kInvalidRegisterValue);
  }
  first.join();
  second.join();
}

TEST_F(StartRequestTest, RunningVpIsRefused) {
  request_.NoteRunning();
  EXPECT_EQ(Ask(kCaller), HvStatus::kInvalidVpState);
  StartRequest boot(StartRequest::Boot::kRuns);
  EXPECT_EQ(boot.Ask(kCaller, {}), HvStatus::kInvalidVpState);
}

}  // namespace
}  // namespace hvkit::vcpu
