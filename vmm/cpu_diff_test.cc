#include "vmm/cpu_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"
#include "testing/status_matchers.h"

namespace hvkit::vmm {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Diff(const std::string& first, const std::string& second) {
  const absl::StatusOr<CpuDiff> diff = DiffCpus(first, second);
  EXPECT_OK(diff);
  return diff.ok() ? FormatDiff(*diff, OutputFormat::kText) : "";
}

TEST(CpuDiffTest, SameSetsShowNoDifference) {
  EXPECT_EQ(Diff("host,hv_time,hv_relaxed", "host,hv-relaxed,hv-time"),
            "a guest sees no difference\n");
}

TEST(CpuDiffTest, AnEnlightenmentShowsAsItsBitsAndMsrs) {
  EXPECT_EQ(Diff("host,hv_relaxed", "host,hv_relaxed,hv_time"),
            "CPUID 0x40000003 EAX: 0x00000020 -> 0x00000222\n"
            "  + bit 1 AccessPartitionReferenceCounter (hv_time)\n"
            "  + bit 9 AccessPartitionReferenceTsc (hv_time)\n"
            "+ MSR 0x40000020 HV_X64_MSR_TIME_REF_COUNT\n"
            "+ MSR 0x40000021 HV_X64_MSR_REFERENCE_TSC\n");
}

TEST(CpuDiffTest, TheOtherWayRoundIsLost) {
  EXPECT_EQ(Diff("host,hv_relaxed,hv_vpindex", "host,hv_relaxed"),
            "CPUID 0x40000003 EAX: 0x00000060 -> 0x00000020\n"
            "  - bit 6 AccessVpIndex (hv_vpindex)\n"
            "- MSR 0x40000002 HV_X64_MSR_VP_INDEX\n");
}

TEST(CpuDiffTest, ValuesShowAsRegisters) {
  EXPECT_EQ(Diff("host,hv_spinlocks=1", "host,hv_spinlocks=2"),
            "CPUID 0x40000004 EBX: 0x00000001 -> 0x00000002\n");
}

TEST(CpuDiffTest, TheFirstEnlightenmentShowsHypervAndMovesKvmsLeaves) {
  const std::string text = Diff("host", "host,hv_relaxed");
  EXPECT_THAT(text, HasSubstr("CPUID 0x40000005: in the second only\n"));
  EXPECT_THAT(text, HasSubstr("CPUID 0x40000100: in the second only\n"));
  EXPECT_THAT(text, HasSubstr("+ bit 5 AccessHypercallMsrs\n"));
  EXPECT_THAT(text, HasSubstr("+ MSR 0x40000000 HV_X64_MSR_GUEST_OS_ID\n"));
}

TEST(CpuDiffTest, KvmOffDropsKvmsLeaves) {
  EXPECT_THAT(Diff("host,hv_relaxed", "host,hv_relaxed,kvm=off"),
              HasSubstr("CPUID 0x40000100: in the first only\n"));
}

TEST(CpuDiffTest, WithoutEnforcementEveryOfferedMsrIsUsable) {
  const std::string text = Diff("host,hv_relaxed", "host,hv_relaxed,hv_enforce_cpuid=off");
  EXPECT_THAT(text, HasSubstr("+ MSR 0x40000080 HV_X64_MSR_SCONTROL\n"));
  EXPECT_THAT(text, Not(HasSubstr("NPIEP")));
  EXPECT_THAT(text, Not(HasSubstr("CPUID")));
}

TEST(CpuDiffTest, PresetsShowWithAllTheirMembers) {
  EXPECT_THAT(Diff("host,hv=windows", "host,hv=hyper-v"), HasSubstr("(hv_evmcs)"));
}

TEST(CpuDiffTest, JsonHasTheSame) {
  ASSERT_OK_AND_ASSIGN(const CpuDiff diff, DiffCpus("host,hv_relaxed", "host,hv_relaxed,hv_time"));
  const auto json = nlohmann::json::parse(FormatDiff(diff, OutputFormat::kJson));
  EXPECT_EQ(json["cpuid"][0]["leaf"], "0x40000003");
  EXPECT_EQ(json["cpuid"][0]["registers"][0]["bits"][1]["because"][0], "hv_time");
  EXPECT_EQ(json["msrs"][0]["in"], "second");
}

TEST(CpuDiffTest, EitherValueIsCheckedAsCpuIs) {
  EXPECT_THAT(DiffCpus("host,hv_bogus", "host"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("hv_bogus")));
  EXPECT_THAT(DiffCpus("host", "host,hv_synic"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("hv_vpindex")));
}

}  // namespace
}  // namespace hvkit::vmm
