#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "testing/status_matchers.h"
#include "vcpu/allocation_counter.h"
#include "vcpu/runner.h"
#include "vcpu/vcpu_thread.h"

namespace hvkit::vcpu {
namespace {

constexpr uint64_t kExits = 10000;

// Exits kExits times, every hundredth time as if kicked, and notes what its thread allocated
// meanwhile.
class BusyRunner final : public Runner {
 public:
  explicit BusyRunner(uint64_t& allocated) : allocated_(allocated) {}

  RunOutcome Run() override {
    if (exits_ == 0) before_ = AllocationsOfThisThread();
    if (++exits_ == kExits) {
      allocated_ = AllocationsOfThisThread() - before_;
      return RunOutcome::kStopped;
    }
    return exits_ % 100 == 0 ? RunOutcome::kInterrupted : RunOutcome::kHandled;
  }
  void Interrupt() override {}
  void AcknowledgeInterrupt() override {}
  RunOutcome OnKicked() override { return RunOutcome::kHandled; }
  absl::Status CompletePendingExit() override { return absl::OkStatus(); }
  absl::Status TakeError() override { return absl::OkStatus(); }

 private:
  uint64_t& allocated_;
  uint64_t exits_ = 0;
  uint64_t before_ = 0;
};

TEST(AllocationCounterTest, CountsNew) {
  const uint64_t before = AllocationsOfThisThread();
  const auto something = std::make_unique<int>(1);
  EXPECT_EQ(AllocationsOfThisThread() - before, static_cast<uint64_t>(*something));
}

TEST(RunLoopAllocationTest, ExitsAndKicksAllocateNothing) {
  uint64_t allocated = ~uint64_t{0};
  VcpuThread thread(std::make_unique<BusyRunner>(allocated));
  ASSERT_OK(thread.Start());
  ASSERT_OK(thread.Join());
  EXPECT_EQ(allocated, 0u);
}

}  // namespace
}  // namespace hvkit::vcpu
