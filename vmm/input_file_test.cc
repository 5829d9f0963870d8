#include "vmm/input_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "testing/status_matchers.h"

namespace hvkit::vmm {
namespace {

using ::hvkit::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string MakeFile(const std::string& name, const std::string& content) {
  const std::string path = ::testing::TempDir() + "/input_file_" + name;
  std::ofstream(path) << content;
  return path;
}

TEST(InputFileTest, FileIsReadWhole) {
  const std::string content(3'000'000, 'x');
  const std::string path = MakeFile("whole", content);
  ASSERT_OK_AND_ASSIGN(const std::vector<std::byte> bytes, ReadKernelFile(path));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), content);
}

TEST(InputFileTest, MissingFileNamesFlagAndPath) {
  EXPECT_THAT(ReadKernelFile("/nonexistent"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--kernel=/nonexistent: "), HasSubstr("No such file"),
                             HasSubstr("name a file"))));
}

TEST(InputFileTest, DirectoryIsRefused) {
  EXPECT_THAT(ReadKernelFile("/"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is a directory")));
}

TEST(InputFileTest, EmptyFileIsRefused) {
  EXPECT_THAT(ReadKernelFile(MakeFile("empty", "")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is empty")));
}

TEST(InputFileTest, EndlessDeviceIsRefusedAtTheLimit) {
  EXPECT_THAT(ReadInputFile("--kernel", "/dev/zero", 5000, "remedy"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("limit of 5000"), HasSubstr("remedy"))));
}

TEST(InputFileTest, FileOfTheLimitIsRead) {
  EXPECT_OK(ReadInputFile("--kernel", MakeFile("limit", "1234"), 4, ""));
}

TEST(InputFileTest, InitrdLargerThanMemoryNamesBothSizes) {
  EXPECT_THAT(ReadInitrdFile(MakeFile("initrd", "12345"), 4),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--initrd="), HasSubstr("5 bytes"), HasSubstr("limit of 4"),
                             HasSubstr("--memory"))));
}

}  // namespace
}  // namespace hvkit::vmm
