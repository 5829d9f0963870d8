#include "vmm/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "nlohmann/json.hpp"
#include "testing/status_matchers.h"

namespace hvkit::vmm {
namespace {

using ::hvkit::testing::StatusIs;
using hyperv::Enlightenment;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

EnlightenmentProbe Here(Enlightenment e) {
  return {.name = std::string(hyperv::Name(e)),
          .kernel_refusal = std::nullopt,
          .user_refusal = "KVM_CAP_EXAMPLE is 0"};
}

std::string Explained(Enlightenment e) {
  return FormatExplanation(e, Here(e), OutputFormat::kText);
}

Json ExplainedAsJson(Enlightenment e) {
  return Json::parse(FormatExplanation(e, Here(e), OutputFormat::kJson));
}

TEST(ExplainTest, KnowsEveryNameWithDashesToo) {
  for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    ASSERT_OK_AND_ASSIGN(const Enlightenment e, ParseExplained(info.name));
    EXPECT_EQ(e, info.id);
    EXPECT_THAT(Explained(e), HasSubstr(std::string(info.name)));
  }
  ASSERT_OK_AND_ASSIGN(const Enlightenment dashed, ParseExplained("hv-stimer-direct"));
  EXPECT_EQ(dashed, Enlightenment::kStimerDirect);
}

TEST(ExplainTest, RefusesAnUnknownName) {
  EXPECT_THAT(ParseExplained("hv_bogus"), StatusIs(absl::StatusCode::kInvalidArgument,
                                                   "--explain=hv_bogus: no such enlightenment; see "
                                                   "--list-enlightenments for those there are"));
}

TEST(ExplainTest, SaysWhatASynicIsAndNeeds) {
  const std::string text = Explained(Enlightenment::kSynic);
  for (const char* const part :
       {"written       hv_synic=on|off\n", "libvirt       <synic state='on'/> in <hyperv>\n",
        "needs         hv_vpindex\n", "needed by     hv_stimer, ",
        "CPUID         0x40000003 EAX bit 2  AccessSynicRegs\n",
        "              0x40000003 EBX bit 4  PostMessages\n",
        "MSRs          0x40000080  HV_X64_MSR_SCONTROL\n",
        "              0x40000090..0x4000009f  HV_X64_MSR_SINTx\n",
        "hypercalls    0x5c  HvCallPostMessage\n",
        "presets       hv=windows: synthetic timers and VMBus need it\n",
        "here          kernel back end: yes\n",
        "              user back end: no: KVM_CAP_EXAMPLE is 0\n"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(ExplainTest, LeavesOutWhatThereIsNot) {
  const std::string text = Explained(Enlightenment::kVersionIdBuild);
  EXPECT_THAT(text, Not(HasSubstr("MSRs")));
  EXPECT_THAT(text, Not(HasSubstr("needs ")));
}

TEST(ExplainTest, RegistersThatAlternateAreCountedByTheirStep) {
  EXPECT_THAT(Explained(Enlightenment::kStimer),
              HasSubstr("0x400000b0..0x400000b6 by 2  HV_X64_MSR_STIMERx_CONFIG\n"));
}

TEST(ExplainTest, LinesStayWithinAHundredColumns) {
  for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    const std::string text = Explained(info.id);
    const std::string prose = text.substr(0, text.find("\n\n"));
    for (size_t start = 0; start < prose.size();) {
      const size_t end = std::min(prose.find('\n', start), prose.size());
      EXPECT_LE(end - start, 100u) << info.name;
      start = end + 1;
    }
  }
}

TEST(ExplainTest, JsonHasTheSame) {
  const Json json = ExplainedAsJson(Enlightenment::kSynic);
  EXPECT_EQ(json["name"], "hv_synic");
  EXPECT_EQ(json["needs"], Json::array({"hv_vpindex"}));
  EXPECT_EQ(json["cpuid"][0]["bit"], 2);
  EXPECT_EQ(json["kernel"]["available"], true);
  EXPECT_EQ(json["user"]["reason"], "KVM_CAP_EXAMPLE is 0");
}

}  // namespace
}  // namespace hvkit::vmm
