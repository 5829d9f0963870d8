#include "vcpu/hyperv_kvm/vp_runtime.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace hvkit::vcpu {
namespace {

using std::chrono::steady_clock;

// Until it has grown by a millisecond; a test's time limit is the alternative.
void Work() {
  const hyperv::RefDuration goal =
      VpRuntimeOfThisThread() + hyperv::RefDuration(hyperv::RefDuration::kTicksPerSecond / 1000);
  while (VpRuntimeOfThisThread() < goal) {
  }
}

TEST(VpRuntimeTest, GrowsWhileTheThreadRunsAndNoFasterThanTime) {
  const auto start = steady_clock::now();
  const hyperv::RefDuration before = VpRuntimeOfThisThread();
  Work();
  const hyperv::RefDuration grown = VpRuntimeOfThisThread() - before;
  const auto passed = (steady_clock::now() - start) / std::chrono::nanoseconds(100);
  EXPECT_GE(grown.ticks(), 10'000u);
  EXPECT_LE(grown.ticks(), static_cast<uint64_t>(passed) + 1);
}

TEST(VpRuntimeTest, OtherThreadsWorkDoesNotCount) {
  Work();
  hyperv::RefDuration other;
  std::thread([&] { other = VpRuntimeOfThisThread(); }).join();
  EXPECT_LT(other.ticks(), 10'000u);
}

}  // namespace
}  // namespace hvkit::vcpu
