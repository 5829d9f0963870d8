#include "testing/rig/payload.h"

#include <elf.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing/status_matchers.h"

namespace hvkit::testing::rig {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// An ELF file whose only program header has this type.
std::string ElfWithSegment(uint32_t type) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_phoff = sizeof(header);
  header.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = type;
  std::string image(sizeof(header) + sizeof(segment), '\0');
  std::memcpy(image.data(), &header, sizeof(header));
  std::memcpy(image.data() + sizeof(header), &segment, sizeof(segment));
  return image;
}

class PayloadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(directory_);
    fs::current_path(directory_);
    Write("program", ElfWithSegment(PT_LOAD));
    Write("data", "content");
  }

  void Write(const std::string& name, const std::string& content) {
    std::ofstream(directory_ / name, std::ios::binary) << content;
  }
  std::string Path(const std::string& name) const { return directory_ / name; }

  static Options Command(std::vector<std::string> command) {
    Options options;
    options.command = std::move(command);
    return options;
  }

 private:
  const fs::path directory_ = fs::path(::testing::TempDir()) / "payload_test";
};

TEST_F(PayloadTest, ProgramIsCarriedAndRunsInTheCallersDirectory) {
  ASSERT_OK_AND_ASSIGN(const Payload payload, MakePayload(Command({"./program", "-x"})));
  EXPECT_EQ(payload.job.program, Path("program"));
  EXPECT_EQ(payload.job.cwd, fs::current_path());
  EXPECT_THAT(payload.job.argv, ElementsAre("./program", "-x"));
  EXPECT_THAT(payload.files, ElementsAre(CarriedFile{"./program", Path("program")}));
}

TEST_F(PayloadTest, FilesThatArgumentsNameAreCarriedOnce) {
  Write("other", "");
  ASSERT_OK_AND_ASSIGN(const Payload payload,
                       MakePayload(Command({"program", "data", "--in=data", "--serial=file:other",
                                            "--absent=nothing", "--directory=.", "-"})));
  EXPECT_THAT(payload.files,
              ElementsAre(CarriedFile{"program", Path("program")},
                          CarriedFile{"data", Path("data")}, CarriedFile{"other", Path("other")}));
}

TEST_F(PayloadTest, NamedFileGoesWhereItIsSent) {
  Options options = Command({"program"});
  options.files = {{"data", "/elsewhere/data"}};
  ASSERT_OK_AND_ASSIGN(const Payload payload, MakePayload(options));
  EXPECT_THAT(payload.files, Contains(CarriedFile{"data", "/elsewhere/data"}));
}

TEST_F(PayloadTest, NamedFileThatIsMissingIsRefused) {
  Options options = Command({"program"});
  options.files = {{"nothing", "nothing"}};
  EXPECT_THAT(MakePayload(options), StatusIs(absl::StatusCode::kNotFound, HasSubstr("nothing")));
}

TEST_F(PayloadTest, DynamicProgramIsRefusedWithTheRemedy) {
  Write("dynamic", ElfWithSegment(PT_INTERP));
  EXPECT_THAT(MakePayload(Command({"./dynamic"})), StatusIs(kInvalid, HasSubstr("-static")));
}

TEST_F(PayloadTest, ProgramThatIsNotElfIsRefused) {
  EXPECT_THAT(MakePayload(Command({"./data"})), StatusIs(kInvalid, HasSubstr("not an ELF")));
}

TEST_F(PayloadTest, ArchiveHoldsFilesJobAndDirectoriesOfResults) {
  Options options = Command({"program", "data"});
  options.outs = {"results/out"};
  ASSERT_OK_AND_ASSIGN(const Payload payload, MakePayload(options));
  std::ostringstream archive;
  ASSERT_OK(WritePayload(payload, archive));
  EXPECT_THAT(archive.str(), HasSubstr("content"));
  EXPECT_THAT(archive.str(), HasSubstr(kJobPath + 1));
  EXPECT_THAT(archive.str(), HasSubstr(Path("results").substr(1)));
  EXPECT_THAT(payload.job.out_files, ElementsAre(Path("results/out")));
}

}  // namespace
}  // namespace hvkit::testing::rig
