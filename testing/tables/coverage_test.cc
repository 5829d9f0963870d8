#include "testing/tables/coverage.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "hyperv/enlightenments/enlightenment.h"
#include "hyperv/msr/msr_row.h"
#include "hyperv/msr/msr_table.h"
#include "hyperv/tlfs/cpuid.h"

namespace hvkit::testing {
namespace {

using hyperv::tlfs::CpuidBit;

TEST(TlfsCoverageTest, FileAgreesWithTheTables) {
  std::ifstream file("docs/tlfs_coverage.md");
  ASSERT_TRUE(file.is_open());
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_EQ(text, TlfsCoverageMarkdown())
      << "bazel run //testing/tables:print_coverage > docs/tlfs_coverage.md";
}

TEST(TlfsCoverageTest, HasARowForEachMsr) {
  const std::string text = TlfsCoverageMarkdown();
  for (const hyperv::MsrRow& row : hyperv::MsrTable()) {
    EXPECT_NE(text.find(absl::StrCat("| ", row.name, " |")), std::string::npos) << row.name;
  }
}

TEST(AllCpuidBitsTest, HasEachBitOfEachEnlightenment) {
  const auto all = AllCpuidBits();
  const std::set<const CpuidBit*> listed(all.begin(), all.end());
  for (const hyperv::EnlightenmentInfo& info : hyperv::AllEnlightenments()) {
    for (const CpuidBit* const bit : info.cpuid_bits)
      EXPECT_TRUE(listed.contains(bit)) << bit->name;
  }
}

TEST(AllCpuidBitsTest, HasNoBitTwice) {
  std::set<std::tuple<hyperv::tlfs::CpuidLeaf, hyperv::tlfs::CpuidRegister, int>> seen;
  for (const CpuidBit* const bit : AllCpuidBits()) {
    EXPECT_TRUE(seen.insert({bit->leaf, bit->reg, bit->bit}).second) << bit->name;
  }
}

// The header is the list's source: as many bits as it defines.
TEST(AllCpuidBitsTest, HasEachBitOfTheHeader) {
  std::ifstream file("hyperv/tlfs/cpuid.h");
  ASSERT_TRUE(file.is_open());
  size_t defined = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("inline constexpr CpuidBit ")) ++defined;
  }
  EXPECT_EQ(AllCpuidBits().size(), defined);
}

}  // namespace
}  // namespace hvkit::testing
