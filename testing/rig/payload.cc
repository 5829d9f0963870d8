#include "testing/rig/payload.h"

#include <elf.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kvm_ioctls/status_macros.h"
#include "testing/rig/cpio.h"

namespace hvkit::testing::rig {
namespace {

namespace fs = std::filesystem;

std::string AbsolutePath(const std::string& path) {
  return fs::absolute(path).lexically_normal().string();
}

bool IsReadableFile(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && access(path.c_str(), R_OK) == 0;
}

// The path that an argument may name: all of it, or what follows the equals sign of a flag and a
// "file:" prefix.
std::string PathInArgument(const std::string& arg) {
  constexpr char kFilePrefix[] = "file:";
  std::string path = arg;
  if (path.starts_with("-")) path = path.substr(path.find('=') + 1);
  if (path.starts_with(kFilePrefix)) path = path.substr(std::strlen(kFilePrefix));
  return path;
}

bool HasInterpreter(const std::string& image, const Elf64_Ehdr& header) {
  for (size_t i = 0; i < header.e_phnum; ++i) {
    const size_t offset = header.e_phoff + i * sizeof(Elf64_Phdr);
    if (offset > image.size() || image.size() - offset < sizeof(Elf64_Phdr)) return false;
    Elf64_Phdr segment;
    std::memcpy(&segment, image.data() + offset, sizeof(segment));
    if (segment.p_type == PT_INTERP) return true;
  }
  return false;
}

absl::Status CheckStaticProgram(const std::string& path) {
  HVKIT_ASSIGN_OR_RETURN(const std::string image, ReadFile(path));
  Elf64_Ehdr header;
  if (image.size() < sizeof(header) || std::memcmp(image.data(), ELFMAG, SELFMAG) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not an ELF program"));
  }
  std::memcpy(&header, image.data(), sizeof(header));
  if (!HasInterpreter(image, header)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      path, " is dynamically linked: the rig has no shared libraries, link it with -static"));
}

// Collects files; the first of several with the same destination wins.
class FileSet {
 public:
  void Add(const std::string& source, const std::string& destination) {
    const std::string absolute = AbsolutePath(destination);
    if (destinations_.insert(absolute).second) files_.push_back({source, absolute});
  }
  std::vector<CarriedFile> Take() { return std::move(files_); }

 private:
  std::set<std::string> destinations_;
  std::vector<CarriedFile> files_;
};

absl::StatusOr<std::vector<CarriedFile>> CollectFiles(const Options& options) {
  FileSet files;
  for (const CarriedFile& file : options.files) {
    if (!IsReadableFile(file.source)) {
      return absl::NotFoundError(absl::StrCat("--file: cannot read ", file.source));
    }
    files.Add(file.source, file.destination);
  }
  for (const std::string& arg : options.command) {
    const std::string path = PathInArgument(arg);
    if (IsReadableFile(path)) files.Add(path, path);
  }
  return files.Take();
}

}  // namespace

absl::StatusOr<Payload> MakePayload(const Options& options) {
  const std::string& program = options.command.front();
  HVKIT_RETURN_IF_ERROR(CheckStaticProgram(program));
  Payload payload;
  HVKIT_ASSIGN_OR_RETURN(payload.files, CollectFiles(options));
  payload.job.program = AbsolutePath(program);
  payload.job.argv = options.command;
  payload.job.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "TMPDIR=/tmp"};
  payload.job.env.insert(payload.job.env.end(), options.env.begin(), options.env.end());
  payload.job.cwd = fs::current_path().string();
  for (const std::string& out : options.outs) payload.job.out_files.push_back(AbsolutePath(out));
  return payload;
}

absl::Status WritePayload(const Payload& payload, std::ostream& out) {
  CpioWriter archive(out);
  archive.AddDirectory("/tmp");
  archive.AddDirectory(payload.job.cwd);
  archive.AddFile(kJobPath, 0600, EncodeJob(payload.job));
  for (const CarriedFile& file : payload.files) {
    HVKIT_ASSIGN_OR_RETURN(const std::string content, ReadFile(file.source));
    archive.AddFile(file.destination, 0755, content);
  }
  for (const std::string& path : payload.job.out_files) {
    archive.AddDirectory(fs::path(path).parent_path().string());
  }
  archive.Finish();
  if (!out.flush()) return absl::InternalError("cannot write the rig's initramfs");
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  if (in.bad() || !in.is_open()) {
    return absl::NotFoundError(absl::StrCat("cannot read ", path, ": ", std::strerror(errno)));
  }
  return std::move(content).str();
}

}  // namespace hvkit::testing::rig
