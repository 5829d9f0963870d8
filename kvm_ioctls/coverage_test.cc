// docs/kvm_coverage.md against the package: each public method of a header has a row, and each row
// names what exists.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

using Names = std::set<std::string>;

constexpr char kPackage[] = "kvm_ioctls";
constexpr char kPage[] = "docs/kvm_coverage.md";
// Headers without a public method: macros, constants, the package's own helpers, test support.
const Names& Unlisted() {
  static const Names names = {"status_macros.h", "kvm_compat.h", "fam_ioctl.h", "enable_cap.h",
                              "kvm_test_machine.h"};
  return names;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::filesystem::path> FilesEndingIn(const std::string& suffix) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(kPackage)) {
    if (entry.path().string().ends_with(suffix)) {
      found.push_back(entry.path());
    }
  }
  return found;
}

// Reads the declarations of one header in this repository's format: members are indented by two,
// access labels by one.
class HeaderReader {
 public:
  // Qualified names of public member functions and of free functions; constructors and operators
  // are left out.
  static Names PublicFunctions(const std::string& text) {
    HeaderReader reader;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      reader.Take(line);
    }
    reader.Finish();
    return reader.found_;
  }

 private:
  void Take(const std::string& line) {
    static const std::regex kClass(R"(^(class|struct) (?:\[\[nodiscard\]\] )?(\w+).*\{.*)");
    static const std::regex kAccess("^ (public|private|protected):");
    const size_t indent = line.find_first_not_of(' ');
    std::smatch match;
    if (indent == std::string::npos || std::regex_search(line, std::regex("^ *(//|#)"))) {
      return;
    }
    if (std::regex_match(line, match, kClass)) {
      Finish();
      class_ = match[2];
      is_public_ = match[1] == "struct";
    } else if (line.starts_with("}")) {
      Finish();
      class_.clear();
      is_public_ = true;
    } else if (std::regex_search(line, match, kAccess)) {
      Finish();
      is_public_ = match[1] == "public";
    } else {
      TakeDeclaration(line, indent);
    }
  }

  void TakeDeclaration(const std::string& line, size_t indent) {
    const size_t member_indent = class_.empty() ? 0 : 2;
    if (indent == member_indent) {
      Finish();
      declaration_ = line;
    } else if (indent > member_indent && !declaration_.empty()) {
      declaration_ += line;
    }
  }

  // Notes the function that the declaration read so far declares.
  void Finish() {
    static const std::regex kNoFunction(
        R"(^ *(using|friend|static_assert|namespace|template <|~|\})|operator|= default)");
    static const std::regex kName(R"(([A-Za-z_]\w*)\()");
    const std::string declaration = std::exchange(declaration_, "");
    std::smatch match;
    if (!is_public_ || std::regex_search(declaration, kNoFunction) ||
        !std::regex_search(declaration, match, kName) || match[1] == class_) {
      return;
    }
    found_.insert(class_.empty() ? match[1].str() : class_ + "::" + match[1].str());
  }

  Names found_;
  std::string class_;
  std::string declaration_;
  bool is_public_ = true;
};

Names PublicFunctions() {
  Names all;
  for (const auto& path : FilesEndingIn(".h")) {
    if (!Unlisted().contains(path.filename().string())) {
      all.merge(HeaderReader::PublicFunctions(ReadFile(path)));
    }
  }
  return all;
}

Names AllMatches(const std::string& text, const std::regex& pattern, const std::string& format) {
  Names all;
  for (std::sregex_iterator i(text.begin(), text.end(), pattern), end; i != end; ++i) {
    all.insert(i->format(format));
  }
  return all;
}

Names Tests() {
  static const std::regex kTest(R"(TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\))");
  Names all;
  for (const auto& path : FilesEndingIn("_test.cc")) {
    all.merge(AllMatches(ReadFile(path), kTest, "$1.$2"));
  }
  return all;
}

// The names in backquotes of one column (0 ioctl, 1 method, 2 test) of all rows. Heads and
// separators have none.
Names Column(size_t column) {
  static const std::regex kQuoted("`([^`]+)`");
  Names all;
  std::istringstream lines(ReadFile(kPage));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream cells(line);
    std::string cell;
    if (!line.starts_with("| ")) {
      continue;
    }
    std::getline(cells, cell, '|');
    for (size_t i = 0; i <= column; ++i) {
      std::getline(cells, cell, '|');
    }
    all.merge(AllMatches(cell, kQuoted, "$1"));
  }
  return all;
}

Names Minus(const Names& left, const Names& right) {
  Names rest;
  std::ranges::set_difference(left, right, std::inserter(rest, rest.end()));
  return rest;
}

TEST(HeaderReaderTest, FindsPublicMembersAndFreeFunctions) {
  EXPECT_THAT(HeaderReader::PublicFunctions("int Free(\n    int x);\n"
                                            "class A : public B {\n"
                                            " public:\n"
                                            "  A(int x);\n"
                                            "  [[nodiscard]] std::vector<int>\n"
                                            "      Long() const;\n"
                                            "  // Comment()\n"
                                            "  int inline_one() const { return f(); }\n"
                                            " private:\n"
                                            "  void Hidden();\n"
                                            "};\n"
                                            "struct S {\n"
                                            "  int member = 0;\n"
                                            "  static void Call();\n"
                                            "};\n"),
              ::testing::ElementsAre("A::Long", "A::inline_one", "Free", "S::Call"));
}

TEST(CoverageTest, HeadersHaveTheMethodsThatThePackageIsFor) {
  EXPECT_THAT(PublicFunctions(), ::testing::IsSupersetOf({"Vcpu::Run", "Kvm::CreateVm",
                                                          "VmIrq::Irqfd", "EnableHypervSynic2"}));
}

TEST(CoverageTest, EveryPublicMethodHasARow) {
  EXPECT_THAT(Minus(PublicFunctions(), Column(1)), ::testing::IsEmpty());
}

TEST(CoverageTest, EveryRowNamesAMethod) {
  EXPECT_THAT(Minus(Column(1), PublicFunctions()), ::testing::IsEmpty());
}

TEST(CoverageTest, EveryTestNamedExists) {
  EXPECT_THAT(Minus(Column(2), Tests()), ::testing::IsEmpty());
}

TEST(CoverageTest, EveryIoctlNamedIsCalled) {
  static const std::regex kCalled(R"(HVKIT_IOCTL_ID\((KVM_\w+)\)|\((?:fd|fd\(\)), (KVM_\w+),)");
  Names called;
  for (const char* suffix : {".cc", ".h"}) {
    for (const auto& path : FilesEndingIn(suffix)) {
      called.merge(AllMatches(ReadFile(path), kCalled, "$1$2"));
    }
  }
  const Names listed = Column(0);
  EXPECT_THAT(Minus(listed, called), ::testing::IsEmpty());
  EXPECT_THAT(Minus(called, listed), ::testing::IsEmpty());
}

TEST(CoverageTest, EveryRowWithAMethodNamesATest) {
  static const std::regex kRowWithoutTest(R"(^\| [^|]+ \| `[^|]+` \|[^`|]*\|)");
  std::istringstream lines(ReadFile(kPage));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_FALSE(std::regex_search(line, kRowWithoutTest)) << line;
  }
}

}  // namespace
