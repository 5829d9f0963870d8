#include "hyperv/enlightenments/cpu_flag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "testing/status_matchers.h"

namespace hvkit::hyperv {
namespace {

using enum Enlightenment;
using ::hvkit::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string VendorId(const CpuSpec& spec) {
  return {spec.requested.vendor_id().data(), spec.requested.vendor_id().size()};
}

TEST(ParseCpuFlagTest, HostAloneAsksForNothing) {
  ASSERT_OK_AND_ASSIGN(const CpuSpec spec, ParseCpuFlag("host"));
  EXPECT_EQ(spec.requested, EnlightenmentSet());
  EXPECT_TRUE(spec.refused.empty());
  EXPECT_TRUE(spec.kvm);
  EXPECT_FALSE(spec.auto_coresharing);
}

TEST(ParseCpuFlagTest, BareNamesAreOn) {
  ASSERT_OK_AND_ASSIGN(const CpuSpec spec, ParseCpuFlag("host,hv_relaxed,hv_vpindex"));
  EXPECT_EQ(spec.requested.mask(), (EnlightenmentMask{kRelaxed, kVpIndex}));
}

TEST(ParseCpuFlagTest, EveryFlagIsKnownBySpellingWithUnderscoresAndDashes) {
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    if (info.kind != EnlightenmentKind::kFlag) continue;
    std::string underscored = "host,hv_passthrough," + std::string(info.name);
    std::string dashed = underscored;
    std::replace(dashed.begin(), dashed.end(), '_', '-');
    for (const std::string& flag : {underscored, dashed}) {
      ASSERT_OK_AND_ASSIGN(const CpuSpec spec, ParseCpuFlag(flag));
      EXPECT_TRUE(spec.requested.Has(info.id)) << flag;
    }
  }
}

TEST(ParseCpuFlagTest, QemusExampleParses) {
  ASSERT_OK_AND_ASSIGN(const CpuSpec spec,
                       ParseCpuFlag("host,hv_relaxed,hv_spinlocks=0x1fff,hv-vendor-id=ABC,"
                                    "hv_time=off,kvm=off,hv_no_nonarch_coresharing=auto"));
  EXPECT_EQ(spec.requested.mask(), (EnlightenmentMask{kRelaxed, kSpinlocks, kVendorId}));
  EXPECT_EQ(spec.requested.spinlocks(), 0x1FFFu);
  EXPECT_EQ(VendorId(spec), std::string("ABC\0\0\0\0\0\0\0\0\0", 12));
  EXPECT_EQ(spec.refused, EnlightenmentMask{kTime});
  EXPECT_FALSE(spec.kvm);
  EXPECT_TRUE(spec.auto_coresharing);
}

TEST(ParseCpuFlagTest, VersionFieldsAreSet) {
  ASSERT_OK_AND_ASSIGN(
      const CpuSpec spec,
      ParseCpuFlag("host,hv_version_id_build=20348,hv-version-id-major=0xa,hv_version_id_minor=1,"
                   "hv_version_id_spack=2,hv_version_id_sbranch=255,"
                   "hv_version_id_snumber=0xffffff"));
  const HypervisorVersion expected{.build = 20348,
                                   .major_version = 10,
                                   .minor_version = 1,
                                   .service_pack = 2,
                                   .service_branch = 255,
                                   .service_number = 0xFFFFFF};
  EXPECT_EQ(spec.requested.version(), expected);
  EXPECT_FALSE(spec.requested.Enabled());
}

TEST(ParseCpuFlagTest, VendorIdAloneDoesNotEnableHyperv) {
  ASSERT_OK_AND_ASSIGN(const CpuSpec spec, ParseCpuFlag("host,hv_vendor_id=KVM Hv"));
  EXPECT_TRUE(spec.requested.Has(kVendorId));
  EXPECT_FALSE(spec.requested.Enabled());
}

TEST(ParseCpuFlagTest, DefaultSpinlocksDoNotEnableHyperv) {
  ASSERT_OK_AND_ASSIGN(const CpuSpec spec, ParseCpuFlag("host,hv_spinlocks=4294967295"));
  EXPECT_FALSE(spec.requested.Enabled());
}

TEST(ParseCpuFlagTest, OtherSpinlocksEnableHyperv) {
  ASSERT_OK_AND_ASSIGN(const CpuSpec spec, ParseCpuFlag("host,hv_spinlocks=0"));
  EXPECT_TRUE(spec.requested.Enabled());
  EXPECT_EQ(spec.requested.spinlocks(), 0u);
}

TEST(ParseCpuFlagTest, LastMentionWins) {
  ASSERT_OK_AND_ASSIGN(const CpuSpec spec,
                       ParseCpuFlag("host,hv_time,hv-time=off,hv_reset=off,hv_reset,"
                                    "hv_spinlocks=1,hv_spinlocks=2,kvm=off,kvm=on"));
  EXPECT_EQ(spec.requested.mask(), (EnlightenmentMask{kReset, kSpinlocks}));
  EXPECT_EQ(spec.refused, EnlightenmentMask{kTime});
  EXPECT_EQ(spec.requested.spinlocks(), 2u);
  EXPECT_TRUE(spec.kvm);
}

TEST(ParseCpuFlagTest, CoresharingOffAfterAutoIsOff) {
  ASSERT_OK_AND_ASSIGN(const CpuSpec spec, ParseCpuFlag("host,hv-no-nonarch-coresharing=auto,"
                                                        "hv-no-nonarch-coresharing=off"));
  EXPECT_FALSE(spec.auto_coresharing);
  EXPECT_TRUE(spec.refused.Has(kNoNonarchCoresharing));
}

TEST(ParseCpuFlagTest, CoresharingAutoAfterOnIsAuto) {
  ASSERT_OK_AND_ASSIGN(const CpuSpec spec, ParseCpuFlag("host,hv-no-nonarch-coresharing=on,"
                                                        "hv-no-nonarch-coresharing=auto"));
  EXPECT_TRUE(spec.auto_coresharing);
  EXPECT_FALSE(spec.requested.Has(kNoNonarchCoresharing));
}

TEST(ParseCpuFlagTest, ApicvIsAvic) {
  ASSERT_OK_AND_ASSIGN(const CpuSpec spec, ParseCpuFlag("host,hv-apicv=on"));
  EXPECT_TRUE(spec.requested.Has(kAvic));
}

TEST(ParseCpuFlagTest, PresetIsWishedNotNamed) {
  ASSERT_OK_AND_ASSIGN(const CpuSpec spec, ParseCpuFlag("host,hv=windows,hv_crash=off,hv_reset"));
  EXPECT_EQ(spec.requested.mask(), EnlightenmentMask{kReset});
  EXPECT_EQ(spec.refused, EnlightenmentMask{kCrash});
  EXPECT_TRUE(spec.wished.Has(kStimer));
  EXPECT_EQ(spec.wished_spinlocks, 0x1FFFu);
}

TEST(ParseCpuFlagTest, LastPresetWins) {
  ASSERT_OK_AND_ASSIGN(const CpuSpec spec, ParseCpuFlag("host,hv=windows,hv=linux"));
  EXPECT_FALSE(spec.wished.Has(kSpinlocks));
  EXPECT_TRUE(spec.wished.Has(kTime));
}

TEST(ParseCpuFlagTest, PresetSuppliesWhatANamedOneNeeds) {
  EXPECT_OK(ParseCpuFlag("host,hv=linux,hv_sint_polling"));
}

struct SwitchRow {
  const char* word;
  bool on;
};

TEST(ParseCpuFlagTest, SwitchWordsAreThoseOfQemu) {
  for (const SwitchRow& row :
       {SwitchRow{"on", true}, SwitchRow{"yes", true}, SwitchRow{"true", true},
        SwitchRow{"y", true}, SwitchRow{"off", false}, SwitchRow{"no", false},
        SwitchRow{"false", false}, SwitchRow{"n", false}}) {
    ASSERT_OK_AND_ASSIGN(const CpuSpec spec,
                         ParseCpuFlag(std::string("host,hv_ipi=off,hv_time=") + row.word));
    EXPECT_EQ(spec.requested.Has(kTime), row.on) << row.word;
  }
}

struct ErrorRow {
  const char* flag;
  const char* piece;   // What the message must name
  const char* remedy;  // And what it must advise
};

class ParseCpuFlagErrorTest : public ::testing::TestWithParam<ErrorRow> {};

TEST_P(ParseCpuFlagErrorTest, IsOneLineWithFlagPieceAndRemedy) {
  EXPECT_THAT(ParseCpuFlag(GetParam().flag),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith("--cpu: "), HasSubstr(GetParam().piece),
                             HasSubstr(GetParam().remedy), Not(HasSubstr("\n")))));
}

INSTANTIATE_TEST_SUITE_P(
    Syntax, ParseCpuFlagErrorTest,
    ::testing::Values(
        ErrorRow{"", "\"\"", "use host"}, ErrorRow{"qemu64", "\"qemu64\"", "use host"},
        ErrorRow{"hv_relaxed", "\"hv_relaxed\"", "use host"},
        ErrorRow{"Host", "\"Host\"", "use host"}, ErrorRow{"max,hv_time", "\"max\"", "use host"},
        ErrorRow{"host\nhv_time", "host\\nhv_time", "use host"},
        ErrorRow{"host,", "no name", "--cpu=host,"}, ErrorRow{"host,,hv_time", "no name", "as in"},
        ErrorRow{"host,=on", "\"=on\"", "as in"},
        ErrorRow{"host,hv_bogus", "\"hv_bogus\"", "--list-enlightenments"},
        ErrorRow{"host,vmx=on", "\"vmx\"", "known are kvm=on|off"},
        ErrorRow{"host,hv_relax", "\"hv_relax\"", "did you mean hv_relaxed?"},
        ErrorRow{"host,hv-tlb-flush", "\"hv-tlb-flush\"", "did you mean hv_tlbflush?"},
        ErrorRow{"host,hv_stimer_drect", "\"hv_stimer_drect\"", "did you mean hv_stimer_direct?"},
        ErrorRow{"host,relaxed", "\"relaxed\"", "did you mean hv_relaxed?"},
        ErrorRow{"host,hvtime", "\"hvtime\"", "did you mean hv_time?"},
        ErrorRow{"host,hv_apicvv", "\"hv_apicvv\"", "did you mean hv_apicv?"},
        ErrorRow{"host,HV_TIME", "\"HV_TIME\"", "known are"},
        ErrorRow{"host,+hv_time", "\"+hv_time\"", "feature=on"},
        ErrorRow{"host,-hv_time", "\"-hv_time\"", "feature=off"},
        ErrorRow{"host, hv_time", "\" hv_time\"", "did you mean hv_time?"},
        ErrorRow{"host,hv_time=maybe", "\"maybe\"", "hv_time=on|off"},
        ErrorRow{"host,hv_time=", "hv_time=\"\"", "hv_time=on|off"},
        ErrorRow{"host,hv_time=auto", "\"auto\"", "hv_time=on|off"},
        ErrorRow{"host,hv_time=on=off", "\"on=off\"", "hv_time=on|off"},
        ErrorRow{"host,hv-no-nonarch-coresharing=x", "\"x\"", "=on|off|auto"},
        ErrorRow{"host,kvm=maybe", "kvm=\"maybe\"", "kvm=on|off"},
        ErrorRow{"host,kvm=auto", "kvm=\"auto\"", "kvm=on|off"},
        ErrorRow{"host,hv", "hv=\"\"", "hv=windows|linux|hyper-v|all"},
        ErrorRow{"host,hv=on", "hv=\"on\"", "hv=windows|linux|hyper-v|all"}));

INSTANTIATE_TEST_SUITE_P(
    Values, ParseCpuFlagErrorTest,
    ::testing::Values(
        ErrorRow{"host,hv_spinlocks", "hv_spinlocks needs a number", "0..0xffffffff"},
        ErrorRow{"host,hv_spinlocks=", "hv_spinlocks=\"\"", "0..0xffffffff"},
        ErrorRow{"host,hv_spinlocks=on", "\"on\"", "0..0xffffffff"},
        ErrorRow{"host,hv_spinlocks=-1", "\"-1\"", "0..0xffffffff"},
        ErrorRow{"host,hv_spinlocks=+1", "\"+1\"", "0..0xffffffff"},
        ErrorRow{"host,hv_spinlocks= 1", "\" 1\"", "0..0xffffffff"},
        ErrorRow{"host,hv_spinlocks=0x", "\"0x\"", "0..0xffffffff"},
        ErrorRow{"host,hv_spinlocks=1fff", "\"1fff\"", "0x and hexadecimal"},
        ErrorRow{"host,hv_spinlocks=0777", "\"0777\"", "decimal or 0x"},
        ErrorRow{"host,hv_spinlocks=0x-1", "\"0x-1\"", "0..0xffffffff"},
        ErrorRow{"host,hv_spinlocks=0x100000000", "\"0x100000000\"", "0..0xffffffff"},
        ErrorRow{"host,hv_version_id_build=4294967296", "\"4294967296\"", "0..0xffffffff"},
        ErrorRow{"host,hv_version_id_major=65536", "\"65536\"", "0..0xffff"},
        ErrorRow{"host,hv_version_id_minor=0x10000", "\"0x10000\"", "0..0xffff"},
        ErrorRow{"host,hv_version_id_spack=x", "\"x\"", "0..0xffffffff"},
        ErrorRow{"host,hv_version_id_sbranch=256", "\"256\"", "0..0xff"},
        ErrorRow{"host,hv_version_id_snumber=0x1000000", "\"0x1000000\"", "0..0xffffff"},
        ErrorRow{"host,hv_vendor_id", "hv_vendor_id needs a text", "1 to 12"},
        ErrorRow{"host,hv_vendor_id=", "hv_vendor_id needs a text", "1 to 12"},
        ErrorRow{"host,hv_vendor_id=Microsoft Hvv", "has 13 characters", "at most 12"},
        ErrorRow{"host,hv_vendor_id=a\x01z", "a\\x01z", "printable ASCII"}));

INSTANTIATE_TEST_SUITE_P(
    Dependencies, ParseCpuFlagErrorTest,
    ::testing::Values(
        ErrorRow{"host,hv_synic", "hv_synic needs hv_vpindex;", "add hv_vpindex or drop hv_synic"},
        ErrorRow{"host,hv_tlbflush", "hv_tlbflush needs hv_vpindex;", "add hv_vpindex"},
        ErrorRow{"host,hv_ipi", "hv_ipi needs hv_vpindex;", "add hv_vpindex or drop hv_ipi"},
        ErrorRow{"host,hv_evmcs", "hv_evmcs needs hv_vapic;", "add hv_vapic or drop hv_evmcs"},
        ErrorRow{"host,hv_tlbflush_direct", "needs hv_vapic;", "add hv_vapic"},
        ErrorRow{"host,hv_tlbflush_ext", "needs hv_vpindex and hv_tlbflush;",
                 "add hv_vpindex,hv_tlbflush or drop hv_tlbflush_ext"},
        ErrorRow{"host,hv_vpindex,hv_stimer", "hv_stimer needs hv_time and hv_synic;",
                 "add hv_time,hv_synic or drop hv_stimer"},
        ErrorRow{"host,hv_stimer_direct",
                 "hv_stimer_direct needs hv_vpindex, hv_time, hv_synic and hv_stimer;",
                 "add hv_vpindex,hv_time,hv_synic,hv_stimer"},
        ErrorRow{"host,hv_relaxed,hv_syndbg", "hv_syndbg needs hv_vpindex and hv_synic;", "add"},
        ErrorRow{"host,hv_vpindex,hv_synic,hv_vpindex=off", "hv_synic needs hv_vpindex;", "add"},
        ErrorRow{"host,hv_start_vp", "hv_start_vp needs hv_vpindex;", "add hv_vpindex"},
        ErrorRow{"host,hv_xmm_output", "hv_xmm_output needs hv_xmm_input;", "add hv_xmm_input"},
        ErrorRow{"host,hv=linux,hv_synic=off,hv_sint_polling", "hv_sint_polling needs hv_synic;",
                 "add hv_synic or drop hv_sint_polling"},
        ErrorRow{"host,hv_passthrough,hv_vapic=off,hv_evmcs", "hv_evmcs needs hv_vapic;",
                 "add hv_vapic or drop hv_evmcs"}));

TEST(ParseCpuFlagTest, SyntaxComesBeforeDependencies) {
  EXPECT_THAT(ParseCpuFlag("host,hv_synic,hv_bogus"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("hv_bogus")));
}

}  // namespace
}  // namespace hvkit::hyperv
