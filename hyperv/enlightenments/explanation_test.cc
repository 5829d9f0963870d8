#include "hyperv/enlightenments/explanation.h"

#include <gtest/gtest.h>

#include <set>

#include "absl/strings/string_view.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/tlfs/hypercall.h"

namespace hvkit::hyperv {
namespace {

TEST(ExplanationTest, EveryEnlightenmentHasOneOfWholeSentences) {
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    const absl::string_view about = ExplanationOf(info.id).about;
    ASSERT_FALSE(about.empty()) << info.name;
    EXPECT_EQ(about.back(), '.') << info.name;
    EXPECT_EQ(about.find("  "), absl::string_view::npos) << info.name;
  }
}

TEST(ExplanationTest, NoHypercallIsExplainedTwice) {
  std::set<tlfs::CallCode> seen;
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    for (const NamedCall& call : ExplanationOf(info.id).calls) {
      EXPECT_TRUE(seen.insert(call.code).second) << call.name;
    }
  }
  EXPECT_TRUE(seen.contains(tlfs::CallCode::kPostMessage));
}

}  // namespace
}  // namespace hvkit::hyperv
