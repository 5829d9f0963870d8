#include "vmm/hyperv_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "testing/status_matchers.h"

namespace hvkit::vmm {
namespace {

using ::hvkit::testing::StatusIs;
using hyperv::Enlightenment;
using ::testing::HasSubstr;

Config WithCpu(const std::string& cpu) {
  Config config;
  config.cpu = cpu;
  return config;
}

TEST(HypervSetupTest, DependencyIsCheckedWithoutKvm) {
  EXPECT_THAT(CheckCpuFlags(WithCpu("host,hv_synic")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("hv_vpindex")));
}

TEST(HypervSetupTest, UserBackendIsRefusedWithTheRemedy) {
  Config config = WithCpu("host");
  config.hyperv = Backend::kUser;
  EXPECT_THAT(CheckCpuFlags(config),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--hyperv=kernel")));
}

// The event's entry for `name`, in force or absent.
class InForceEventTest : public ::testing::Test {
 protected:
  InForceEventTest() {
    setup_.resolution.in_force.Add(Enlightenment::kRelaxed);
    setup_.resolution.in_force.Add(Enlightenment::kSpinlocks);
    setup_.resolution.in_force.set_spinlocks(0x1fff);
    setup_.resolution.in_force.Add(Enlightenment::kVendorId);
    setup_.resolution.in_force.set_vendor_id("Some Hv");
    setup_.resolution.absent[hyperv::Index(Enlightenment::kEvmcs)] = "no VMX";
    event_ = ToEvent(setup_);
  }
  std::optional<std::string> Value(const std::string& name) {
    for (const auto& entry : event_.in_force) {
      if (entry.name == name) return entry.value.value_or("(none)");
    }
    return std::nullopt;
  }

  HypervSetup setup_;
  EnlightenmentsInForce event_;
};

TEST_F(InForceEventTest, SwitchHasNoValue) { EXPECT_EQ(Value("hv_relaxed"), "(none)"); }

TEST_F(InForceEventTest, NumberHasItsValue) { EXPECT_EQ(Value("hv_spinlocks"), "0x1fff"); }

TEST_F(InForceEventTest, VendorIdIsWithoutPadding) { EXPECT_EQ(Value("hv_vendor_id"), "Some Hv"); }

TEST_F(InForceEventTest, AbsentOneHasItsReason) {
  EXPECT_EQ(Value("hv_evmcs"), std::nullopt);
  std::string reason;
  for (const auto& absent : event_.absent) {
    if (absent.name == "hv_evmcs") reason = absent.reason;
  }
  EXPECT_EQ(reason, "no VMX");
}

TEST_F(InForceEventTest, EveryEnlightenmentIsInForceOrAbsent) {
  EXPECT_EQ(event_.in_force.size() + event_.absent.size(), hyperv::kEnlightenmentCount);
}

}  // namespace
}  // namespace hvkit::vmm
