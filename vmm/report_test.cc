#include "vmm/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"

namespace hvkit::vmm {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

ProbeResult SomeProbe() {
  return {.kvm = {.unusable_reason = "", .api_version = 12, .caps = {{"KVM_CAP_IRQCHIP", 1}}},
          .kernel = {.unavailable_reason = ""},
          .user = {.unavailable_reason = "not built"},
          .enlightenments = {{"hv_relaxed", std::nullopt, std::nullopt},
                             {"hv_evmcs", "needs VMX", "not built"},
                             {"hv_time", std::nullopt, "not built"}}};
}

Json ParsedProbe(const ProbeResult& probe) {
  return Json::parse(FormatProbe(probe, OutputFormat::kJson), nullptr, false);
}

TEST(ReportTest, ProbeJsonHasKvmBackendsAndEnlightenments) {
  EXPECT_EQ(ParsedProbe(SomeProbe()), Json::parse(R"({
      "kvm": {"usable": true, "api_version": 12, "caps": {"KVM_CAP_IRQCHIP": 1}},
      "backends": {"kernel": {"available": true},
                   "user": {"available": false, "reason": "not built"}},
      "enlightenments": [
        {"name": "hv_relaxed", "kernel": true, "user": true},
        {"name": "hv_evmcs", "kernel": false, "user": false,
         "reason": {"kernel": "needs VMX", "user": "not built"}},
        {"name": "hv_time", "kernel": true, "user": false, "reason": {"user": "not built"}}]})"));
}

TEST(ReportTest, UnusableKvmSaysWhy) {
  ProbeResult probe = SomeProbe();
  probe.kvm = {.unusable_reason = "no /dev/kvm", .api_version = 0, .caps = {}};
  const Json kvm = ParsedProbe(probe)["kvm"];
  EXPECT_EQ(kvm["usable"], false);
  EXPECT_EQ(kvm["reason"], "no /dev/kvm");
  EXPECT_EQ(kvm["caps"], Json::object());
}

TEST(ReportTest, EmptyProbeHasAnEmptyArray) {
  EXPECT_EQ(ParsedProbe(ProbeResult{})["enlightenments"], Json::array());
}

TEST(ReportTest, ReasonThatIsNotUtf8IsStillJson) {
  ProbeResult probe;
  probe.kernel.unavailable_reason = "bad \xff byte";
  EXPECT_FALSE(ParsedProbe(probe).is_discarded());
}

TEST(ReportTest, ProbeTextIsAnAlignedTable) {
  EXPECT_EQ(FormatProbe(SomeProbe(), OutputFormat::kText),
            "KVM: usable, API version 12\n"
            "back end kernel: available\n"
            "back end user: no: not built\n"
            "\n"
            "CAPABILITY       VALUE\n"
            "KVM_CAP_IRQCHIP  1\n"
            "\n"
            "ENLIGHTENMENT  KERNEL  USER  REASON\n"
            "hv_relaxed     yes     yes\n"
            "hv_evmcs       no      no    kernel: needs VMX; user: not built\n"
            "hv_time        yes     no    user: not built\n");
}

TEST(ReportTest, SameReasonOnBothBackEndsIsSaidOnce) {
  ProbeResult probe;
  probe.enlightenments = {{"hv_ipi", "no /dev/kvm", "no /dev/kvm"}};
  EXPECT_THAT(FormatProbe(probe, OutputFormat::kText), HasSubstr("no    no /dev/kvm\n"));
}

std::vector<EnlightenmentInfo> SomeList() {
  return {
      {.name = "hv_relaxed", .value = "", .summary = "No watchdog.", .needs = {}},
      {.name = "hv_spinlocks", .value = "N", .summary = "Notifies.", .needs = {"hv_a", "hv_b"}}};
}

TEST(ReportTest, ListJsonHasOneObjectForEach) {
  EXPECT_EQ(Json::parse(FormatEnlightenments(SomeList(), OutputFormat::kJson), nullptr, false),
            Json::parse(R"({"enlightenments": [
      {"name": "hv_relaxed", "value": "", "summary": "No watchdog.", "needs": []},
      {"name": "hv_spinlocks", "value": "N", "summary": "Notifies.",
       "needs": ["hv_a", "hv_b"]}]})"));
}

TEST(ReportTest, ListTextIsAnAlignedTable) {
  EXPECT_EQ(FormatEnlightenments(SomeList(), OutputFormat::kText),
            "ENLIGHTENMENT   NEEDS      WHAT IT GIVES\n"
            "hv_relaxed                 No watchdog.\n"
            "hv_spinlocks=N  hv_a,hv_b  Notifies.\n");
}

}  // namespace
}  // namespace hvkit::vmm
