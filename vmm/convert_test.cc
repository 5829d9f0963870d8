#include "vmm/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "testing/status_matchers.h"

namespace hvkit::vmm {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Converted(const std::string& text) {
  const absl::StatusOr<Conversion> conversion = Convert(text);
  EXPECT_OK(conversion);
  return conversion.ok() ? conversion->text : "";
}

// To XML and back.
std::string ThereAndBack(const std::string& flag) {
  std::string back = Converted(Converted(flag));
  if (!back.empty()) back.pop_back();  // The newline
  return back;
}

TEST(ConvertTest, WritesLibvirtsElements) {
  EXPECT_EQ(Converted("host,hv_relaxed,hv_spinlocks=0x1fff,hv_vpindex,hv_synic,hv_tlbflush,"
                      "hv_tlbflush_ext,hv_reset=off,hv_vendor_id=A<b"),
            "<hyperv mode='custom'>\n"
            "  <relaxed state='on'/>\n"
            "  <spinlocks state='on' retries='8191'/>\n"
            "  <vpindex state='on'/>\n"
            "  <synic state='on'/>\n"
            "  <tlbflush state='on'>\n"
            "    <extended state='on'/>\n"
            "  </tlbflush>\n"
            "  <reset state='off'/>\n"
            "  <vendor_id state='on' value='A&lt;b'/>\n"
            "</hyperv>\n");
}

TEST(ConvertTest, WritesWhatLibvirtSaysElsewhereAsComments) {
  EXPECT_EQ(Converted("host,hv_time,hv_guest_idle,kvm=off"),
            "<hyperv mode='custom'>\n"
            "  <!-- hvkit: hv_time=on; <timer name='hypervclock' present='yes'/> in <clock> -->\n"
            "  <!-- hvkit: hv_guest_idle=on; libvirt has no element for it -->\n"
            "  <!-- hvkit: kvm=off; <kvm><hidden state='on'/></kvm> in <features> -->\n"
            "</hyperv>\n");
}

TEST(ConvertTest, WritesPassthroughWithoutElements) {
  EXPECT_EQ(
      Converted("host,hv_passthrough,hv_time=off,hv_ipi=off"),
      "<hyperv mode='passthrough'>\n"
      "  <!-- hvkit: hv_time=off; without <timer name='hypervclock' present='yes'/> in <clock> "
      "-->\n"
      "  <!-- hvkit: hv_ipi=off; libvirt has no place for it here -->\n"
      "</hyperv>\n");
}

TEST(ConvertTest, EverySwitchComesBackOnAndOff) {
  for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    if (info.kind == hyperv::EnlightenmentKind::kNumber) continue;
    if (info.kind == hyperv::EnlightenmentKind::kText) continue;
    const std::string name(info.name);
    EXPECT_EQ(ThereAndBack("host," + name + "=off"), "host," + name + "=off");
    std::string flag = "host";
    for (const hyperv::EnlightenmentInfo& need : hyperv::AllEnlightenments()) {
      const bool wanted = need.id == info.id || hyperv::AllNeeds(info.id).Has(need.id);
      if (wanted) flag += "," + std::string(need.name);
    }
    EXPECT_EQ(ThereAndBack(flag), flag);
  }
}

TEST(ConvertTest, EveryValueComesBack) {
  for (const char* const flag :
       {"host,hv_spinlocks=0x1fff", "host,hv_spinlocks=0x5", "host,hv_spinlocks=0xffffffff",
        "host,hv_vendor_id='\"<& />", "host,hv_version_id_build=0x4f7c,hv_version_id_major=6",
        "host,hv_version_id_minor=3,hv_version_id_spack=1,hv_version_id_sbranch=2",
        "host,hv_version_id_snumber=9", "host,hv_no_nonarch_coresharing=auto", "host,kvm=off",
        "host"}) {
    EXPECT_EQ(ThereAndBack(flag), flag);
  }
}

TEST(ConvertTest, EveryFlagWithANumberOrATextComesBack) {
  for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    if (info.kind != hyperv::EnlightenmentKind::kNumber &&
        info.kind != hyperv::EnlightenmentKind::kText) {
      continue;
    }
    const std::string flag = "host," + std::string(info.name) + "=7";
    const std::string back = ThereAndBack(flag);
    EXPECT_TRUE(back == flag || back == "host," + std::string(info.name) + "=0x7") << back;
  }
}

TEST(ConvertTest, SubelementsOfWhatIsOffComeBack) {
  const std::string flag = "host,hv_passthrough,hv_stimer=off,hv_stimer_direct=off";
  EXPECT_EQ(ThereAndBack("host,hv_stimer=off,hv_stimer_direct=off"),
            "host,hv_stimer=off,hv_stimer_direct=off");
  EXPECT_NE(ThereAndBack(flag).find("hv_stimer_direct=off"), std::string::npos);
}

TEST(ConvertTest, EveryElementComesBack) {
  const std::string xml =
      "<hyperv mode='custom'>\n  <relaxed state='on'/>\n  <vapic state='on'/>\n"
      "  <spinlocks state='on' retries='4095'/>\n  <vpindex state='on'/>\n"
      "  <runtime state='on'/>\n"
      "  <!-- hvkit: hv_time=on; <timer name='hypervclock' present='yes'/> in <clock> -->\n"
      "  <synic state='on'/>\n  <stimer state='on'>\n    <direct state='on'/>\n  </stimer>\n"
      "  <tlbflush state='on'>\n    <extended state='on'/>\n    <direct state='on'/>\n"
      "  </tlbflush>\n  <ipi state='on'/>\n  <reset state='on'/>\n  <frequencies state='on'/>\n"
      "  <reenlightenment state='on'/>\n  <evmcs state='on'/>\n  <avic state='on'/>\n"
      "  <emsr_bitmap state='on'/>\n  <xmm_input state='on'/>\n"
      "  <vendor_id state='on' value='KVM Hv'/>\n</hyperv>\n";
  EXPECT_EQ(Converted(Converted(xml)), xml);
}

TEST(ConvertTest, ReadsAWholeDomain) {
  EXPECT_EQ(Converted("<domain><features><acpi/><hyperv><relaxed state='on'/></hyperv>"
                      "<kvm><hidden state='on'/></kvm></features>"
                      "<clock><timer name='rtc'/><timer name='hypervclock' present='yes'/></clock>"
                      "<devices><panic model='hyperv'/></devices></domain>"),
            "host,hv_relaxed,hv_crash,hv_time,kvm=off\n");
}

TEST(ConvertTest, ReadsPassthrough) {
  EXPECT_EQ(Converted(" <hyperv mode=\"passthrough\"/>"), "host,hv_passthrough\n");
}

TEST(ConvertTest, SaysWhatTheResultLacks) {
  ASSERT_OK_AND_ASSIGN(const Conversion lacking, Convert("<hyperv><synic state='on'/></hyperv>"));
  EXPECT_EQ(lacking.text, "host,hv_synic\n");
  EXPECT_THAT(lacking.note, HasSubstr("hv_synic needs hv_vpindex"));
  ASSERT_OK_AND_ASSIGN(const Conversion complete, Convert("<hyperv/>"));
  EXPECT_THAT(complete.note, IsEmpty());
}

TEST(ConvertTest, PresetsAreSpelledOut) {
  EXPECT_THAT(Converted("host,hv=windows"),
              AllOf(HasSubstr("<stimer state='on'>"), Not(HasSubstr("windows"))));
}

struct ErrorRow {
  const char* text;
  const char* problem;
};

class ConvertErrorTest : public ::testing::TestWithParam<ErrorRow> {};

TEST_P(ConvertErrorTest, IsOneLineThatSaysWhatIsWrong) {
  EXPECT_THAT(Convert(GetParam().text),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(GetParam().problem), Not(HasSubstr("\n")))));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, ConvertErrorTest,
    ::testing::Values(
        ErrorRow{"", "CPU model"}, ErrorRow{"host,hv_bogus", "hv_bogus"},
        ErrorRow{"host,hv_synic", "hv_synic needs hv_vpindex"}, ErrorRow{"<hyperv>", "not XML"},
        ErrorRow{"<features/>", "no <hyperv>"},
        ErrorRow{"<hyperv><bogus state='on'/></hyperv>", "<bogus>"},
        ErrorRow{"<hyperv><relaxed/></hyperv>", "<relaxed> needs state"},
        ErrorRow{"<hyperv><direct state='on'/></hyperv>", "<direct>"},
        ErrorRow{"<hyperv><relaxed state='on'><direct state='on'/></relaxed></hyperv>", "<direct>"},
        ErrorRow{"<hyperv mode='host-model'/>", "host-model"},
        ErrorRow{"<hyperv><spinlocks state='on'/></hyperv>", "hv_spinlocks"},
        ErrorRow{"<hyperv><spinlocks state='on' retries='-1'/></hyperv>", "hv_spinlocks"},
        ErrorRow{"<hyperv><vendor_id state='on' value='a,kvm=off'/></hyperv>", "comma"},
        ErrorRow{"<hyperv><vendor_id state='on' value='0123456789abc'/></hyperv>", "at most 12"},
        ErrorRow{"<hyperv><!-- hvkit: hv_bogus; --></hyperv>", "hv_bogus"},
        ErrorRow{"<d><hyperv/><timer name='hypervclock' present='maybe'/></d>", "hv_time"}));

}  // namespace
}  // namespace hvkit::vmm
