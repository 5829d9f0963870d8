#include "hyperv/enlightenments/markdown.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "hyperv/enlightenments/enlightenment.h"

namespace hvkit::hyperv {
namespace {

TEST(EnlightenmentsMarkdownTest, FileAgreesWithTheTable) {
  std::ifstream file("docs/enlightenments.md");
  ASSERT_TRUE(file.is_open());
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_EQ(text, EnlightenmentsMarkdown())
      << "bazel run //hyperv/enlightenments:print_markdown > docs/enlightenments.md";
}

TEST(EnlightenmentsMarkdownTest, HasOneRowForEachEnlightenment) {
  const std::string text = EnlightenmentsMarkdown();
  for (const EnlightenmentInfo& info : AllEnlightenments()) {
    const std::string summary(info.summary);
    const size_t first = text.find(summary);
    ASSERT_NE(first, std::string::npos) << info.name;
    EXPECT_EQ(text.find(summary, first + 1), std::string::npos) << info.name;
  }
}

}  // namespace
}  // namespace hvkit::hyperv
