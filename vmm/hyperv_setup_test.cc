#include "vmm/hyperv_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "devices/debug_frame.h"
#include "hyperv/enlightenments/cpu_flag.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "testing/status_matchers.h"

namespace hvkit::vmm {
namespace {

using ::hvkit::testing::StatusIs;
using hyperv::Enlightenment;
using ::testing::HasSubstr;

// A KVM with Hyper-V of its own, or without.
vcpu::KernelFacts Facts(bool with_hyperv) {
  vcpu::KernelFacts facts;
  constexpr uint32_t kAllCapabilities = 256;
  for (uint32_t cap = 0; cap < kAllCapabilities; ++cap) facts.capabilities[cap] = 1;
  if (with_hyperv)
    facts.hv_leaves = {{0x40000003, 0xffffffff, 0, 0, 0}, {0x40000004, 0x20, 0, 0, 0}};
  return facts;
}

absl::StatusOr<HypervSetup> Resolved(const std::string& cpu, Backend backend, bool with_hyperv) {
  absl::StatusOr<hyperv::CpuSpec> spec = hyperv::ParseCpuFlag(cpu);
  if (!spec.ok()) return spec.status();
  return ResolveHyperv(*spec, backend, Facts(with_hyperv), vcpu::CoreSharing::kUnknown);
}

TEST(HypervSetupTest, AutoTakesKvmsOwnHyperv) {
  ASSERT_OK_AND_ASSIGN(const HypervSetup setup, Resolved("host,hv_relaxed", Backend::kAuto, true));
  EXPECT_EQ(setup.backend, HypervSetup::Kind::kKernel);
}

TEST(HypervSetupTest, AutoTakesTheUserBackendWithoutKvmsHyperv) {
  ASSERT_OK_AND_ASSIGN(const HypervSetup setup, Resolved("host,hv_relaxed", Backend::kAuto, false));
  EXPECT_EQ(setup.backend, HypervSetup::Kind::kUser);
}

TEST(HypervSetupTest, UserIsTakenThoughKvmHasHyperv) {
  ASSERT_OK_AND_ASSIGN(const HypervSetup setup, Resolved("host,hv_relaxed", Backend::kUser, true));
  EXPECT_EQ(setup.backend, HypervSetup::Kind::kUser);
}

TEST(HypervSetupTest, AutoTakesTheUserBackendForWhatOnlyThatCanGive) {
  ASSERT_OK_AND_ASSIGN(const HypervSetup setup,
                       Resolved("host,hv_vpindex,hv_time", Backend::kAuto, false));
  EXPECT_EQ(setup.backend, HypervSetup::Kind::kUser);
}

TEST(HypervSetupTest, WhatNeitherBackendCanGiveIsRefusedInKvmsWords) {
  EXPECT_THAT(
      Resolved("host,hv_guest_idle,hv_synic,hv_vpindex", Backend::kAuto, true),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("KVM_GET_SUPPORTED_HV_CPUID")));
}

TEST(HypervSetupTest, KernelIsRefusedWithoutKvmsHyperv) {
  EXPECT_THAT(Resolved("host,hv_relaxed", Backend::kKernel, false),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("hv_relaxed")));
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

absl::Status Needs(const char* cpu, const Config& config) {
  const absl::StatusOr<hyperv::CpuSpec> spec = hyperv::ParseCpuFlag(cpu);
  return spec.ok() ? CheckNeeds(config, *spec) : spec.status();
}

TEST(CheckNeedsTest, TestDeviceNeedsTheSynic) {
  Config config;
  EXPECT_OK(Needs("host", config));
  config.hyperv_testdev = true;
  EXPECT_THAT(Needs("host,hv_vpindex", config),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("add hv_vpindex,hv_synic")));
  EXPECT_OK(Needs("host,hv_vpindex,hv_synic", config));
  EXPECT_OK(Needs("host,hv_passthrough", config));
  EXPECT_FALSE(Needs("host,hv_passthrough,hv_synic=off", config).ok());
}

TEST(CheckNeedsTest, DebuggerNeedsItsEnlightenmentByName) {
  Config config;
  config.syndbg = devices::UdpEndpoint{.address = 1, .port = 1};
  EXPECT_THAT(Needs("host,hv_passthrough", config),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("needs hv_syndbg")));
  EXPECT_OK(Needs("host,hv_passthrough,hv_syndbg", config));
}

}  // namespace
}  // namespace hvkit::vmm
