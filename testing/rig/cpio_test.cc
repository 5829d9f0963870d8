#include "testing/rig/cpio.h"

#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hvkit::testing::rig {
namespace {

using ::testing::ElementsAre;

struct Entry {
  std::string name;
  std::string mode;
  std::string content;

  friend bool operator==(const Entry&, const Entry&) = default;
};

// Reads an archive by the format's document: "070701", 13 fields of 8 hexadecimal digits, name,
// content, each padded.
std::vector<Entry> ReadArchive(const std::string& archive) {
  std::vector<Entry> entries;
  for (size_t at = 0; archive.compare(at, 6, "070701") == 0;) {
    const auto field = [&](size_t i) { return archive.substr(at + 6 + i * 8, 8); };
    const size_t name_size = std::stoul(field(11), nullptr, 16);
    const size_t size = std::stoul(field(6), nullptr, 16);
    const size_t content_at = (at + 110 + name_size + 3) / 4 * 4;
    entries.push_back(
        {archive.substr(at + 110, name_size - 1), field(1), archive.substr(content_at, size)});
    at = (content_at + size + 3) / 4 * 4;
  }
  return entries;
}

TEST(CpioWriterTest, FilesFollowTheirDirectoriesAndTheTrailerEnds) {
  std::ostringstream out;
  CpioWriter archive(out);
  archive.AddFile("/a/b/file", 0755, "12345");
  archive.AddFile("/a/other", 0600, "");
  archive.Finish();
  EXPECT_THAT(ReadArchive(out.str()),
              ElementsAre(Entry{"a", "000041ED", ""}, Entry{"a/b", "000041ED", ""},
                          Entry{"a/b/file", "000081ED", "12345"}, Entry{"a/other", "00008180", ""},
                          Entry{"TRAILER!!!", "00000000", ""}));
}

TEST(CpioWriterTest, SizeIsAMultipleOf512SoThatArchivesCanFollowEachOther) {
  std::ostringstream out;
  CpioWriter archive(out);
  archive.AddFile("file", 0644, "x");
  archive.Finish();
  EXPECT_EQ(out.str().size() % 512, 0u);
}

TEST(CpioWriterTest, TheSameFilesGiveTheSameBytes) {
  const auto make = [] {
    std::ostringstream out;
    CpioWriter archive(out);
    archive.AddFile("d/file", 0644, "x");
    archive.Finish();
    return out.str();
  };
  EXPECT_EQ(make(), make());
}

TEST(CpioWriterTest, RootIsNotAnEntry) {
  std::ostringstream out;
  CpioWriter archive(out);
  archive.AddDirectory("/");
  archive.AddDirectory("/d");
  archive.AddDirectory("/d");
  archive.Finish();
  EXPECT_THAT(ReadArchive(out.str()),
              ElementsAre(Entry{"d", "000041ED", ""}, Entry{"TRAILER!!!", "00000000", ""}));
}

}  // namespace
}  // namespace hvkit::testing::rig
