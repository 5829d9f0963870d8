#include "testing/rig/cpio.h"

#include <sys/stat.h>

#include <array>
#include <cstdio>

namespace hvkit::testing::rig {
namespace {

constexpr char kTrailer[] = "TRAILER!!!";

// Names in an archive have no leading slash.
std::string_view StripSlash(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  return path;
}

}  // namespace

void CpioWriter::AddDirectory(std::string_view path) {
  const std::string_view name = StripSlash(path);
  if (name.empty() || directories_.contains(name)) return;
  AddParents(name);
  directories_.emplace(name);
  AddEntry(name, S_IFDIR | 0755, "");
}

void CpioWriter::AddFile(std::string_view path, uint32_t permissions, std::string_view content) {
  const std::string_view name = StripSlash(path);
  AddParents(name);
  AddEntry(name, S_IFREG | permissions, content);
}

void CpioWriter::Finish() {
  next_inode_ = 0;
  AddEntry(kTrailer, 0, "");
  PadTo(512);
}

void CpioWriter::AddParents(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash != std::string_view::npos) AddDirectory(path.substr(0, slash));
}

void CpioWriter::AddEntry(std::string_view name, uint32_t mode, std::string_view content) {
  const uint32_t links = S_ISDIR(mode) ? 2 : 1;
  const std::array<uint32_t, 13> fields = {
      next_inode_++,
      mode,
      0,  // uid
      0,  // gid
      links,
      0,  // mtime
      static_cast<uint32_t>(content.size()),
      0,  // device of the file system, major and minor
      0,
      0,  // device number of a special file, major and minor
      0,
      static_cast<uint32_t>(name.size() + 1),
      0,  // checksum, unused in this format
  };
  Write("070701");
  for (const uint32_t field : fields) {
    std::array<char, 9> text;
    std::snprintf(text.data(), text.size(), "%08X", field);
    Write({text.data(), 8});
  }
  Write(name);
  Write({"\0", 1});
  PadTo(4);
  Write(content);
  PadTo(4);
}

void CpioWriter::Write(std::string_view bytes) {
  out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  written_ += bytes.size();
}

void CpioWriter::PadTo(size_t alignment) {
  while (written_ % alignment != 0) Write({"\0", 1});
}

}  // namespace hvkit::testing::rig
