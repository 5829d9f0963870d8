#include "hyperv/enlightenments/cpu_flag_text.h"

#include <gtest/gtest.h>

#include <string>

#include "hyperv/enlightenments/cpu_flag.h"
#include "testing/status_matchers.h"

namespace hvkit::hyperv {
namespace {

// What is written for `flag` once it is parsed.
std::string Rewritten(const std::string& flag) {
  const absl::StatusOr<CpuSpec> spec = ParseCpuFlag(flag);
  EXPECT_OK(spec);
  return spec.ok() ? FormatCpuFlag(*spec) : "";
}

TEST(FormatCpuFlagTest, WritesNamesInTheTablesOrder) {
  EXPECT_EQ(Rewritten("host,kvm=off,hv-time,hv_relaxed=on"), "host,hv_relaxed,hv_time,kvm=off");
}

TEST(FormatCpuFlagTest, KeepsEverySwitchOnAndOff) {
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (info.kind != EnlightenmentKind::kFlag || info.id == Enlightenment::kPassthrough) continue;
    const std::string name(info.name);
    EXPECT_EQ(Rewritten("host," + name + "=off"), "host," + name + "=off");
    const std::string on = Rewritten("host,hv_passthrough," + name);
    EXPECT_EQ(Rewritten(on), on);
    EXPECT_NE(on.find(name), std::string::npos) << on;
  }
}

TEST(FormatCpuFlagTest, KeepsEveryValue) {
  const std::string flag =
      "host,hv_spinlocks=0x7,hv_vendor_id=A b,hv_version_id_build=0x4f7c,hv_version_id_major=6,"
      "hv_version_id_minor=3,hv_version_id_spack=1,hv_version_id_sbranch=2,"
      "hv_version_id_snumber=9";
  EXPECT_EQ(Rewritten(flag), flag);
}

TEST(FormatCpuFlagTest, KeepsSpinlocksNamedNever) {
  EXPECT_EQ(Rewritten("host,hv_spinlocks=4294967295"), "host,hv_spinlocks=0xffffffff");
}

TEST(FormatCpuFlagTest, KeepsAuto) {
  EXPECT_EQ(Rewritten("host,hv_no_nonarch_coresharing=auto"),
            "host,hv_no_nonarch_coresharing=auto");
}

TEST(FormatCpuFlagTest, SpellsPresetsOut) {
  const std::string flag = Rewritten("host,hv=linux,hv_ipi=off");
  EXPECT_NE(flag.find(",hv_stimer_direct,"), std::string::npos) << flag;
  EXPECT_NE(flag.find(",hv_ipi=off"), std::string::npos) << flag;
  EXPECT_EQ(flag.find("hv=linux"), std::string::npos) << flag;
}

TEST(FormatCpuFlagTest, SpellsOutThePresetsSpinlocks) {
  EXPECT_NE(Rewritten("host,hv=windows").find(",hv_spinlocks=0x1fff,"), std::string::npos);
  EXPECT_NE(Rewritten("host,hv=windows,hv_spinlocks=5").find(",hv_spinlocks=0x5,"),
            std::string::npos);
}

}  // namespace
}  // namespace hvkit::hyperv
