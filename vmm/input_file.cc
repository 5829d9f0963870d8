#include "vmm/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_format.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vmm {
namespace {

constexpr uint64_t kChunk = uint64_t{1} << 20;
constexpr uint64_t kMaxInitrdFileBytes = uint64_t{3} << 30;  // RAM below the PCI hole

// Which file it is, for messages, and how much of it is allowed.
struct Request {
  std::string_view flag;
  const std::string& path;
  uint64_t max_bytes;
  std::string_view remedy;
};

template <typename... Args>
absl::Status Refuse(const Request& request, const absl::FormatSpec<Args...>& format,
                    const Args&... args) {
  return absl::InvalidArgumentError(
      absl::StrFormat("%s=%s: %s", request.flag, request.path, absl::StrFormat(format, args...)));
}

absl::Status TooLarge(const Request& request, uint64_t size) {
  return Refuse(request, "%d bytes are more than the limit of %d; %s", size, request.max_bytes,
                request.remedy);
}

// What fstat says about size; 0 for a pipe, whose size is known at its end only.
absl::StatusOr<uint64_t> ExpectedSize(const Request& request, int fd) {
  struct stat info{};
  if (fstat(fd, &info) != 0) return Refuse(request, "cannot stat it: %s", std::strerror(errno));
  if (S_ISDIR(info.st_mode)) return Refuse(request, "is a directory; name a file");
  if (!S_ISREG(info.st_mode)) return uint64_t{0};
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size > request.max_bytes) return TooLarge(request, size);
  return size;
}

absl::StatusOr<std::vector<std::byte>> ReadAll(const Request& request, int fd,
                                               uint64_t expected_size) {
  std::vector<std::byte> bytes;
  bytes.reserve(expected_size + 1);
  while (true) {
    const size_t used = bytes.size();
    bytes.resize(used < bytes.capacity() ? bytes.capacity() : used + kChunk);
    const ssize_t got = TEMP_FAILURE_RETRY(read(fd, bytes.data() + used, bytes.size() - used));
    if (got < 0) return Refuse(request, "cannot read it: %s", std::strerror(errno));
    bytes.resize(used + static_cast<size_t>(got));
    if (got == 0) return bytes;
    if (bytes.size() > request.max_bytes) return TooLarge(request, bytes.size());
  }
}

}  // namespace

absl::StatusOr<std::vector<std::byte>> ReadInputFile(std::string_view flag, const std::string& path,
                                                     uint64_t max_bytes, std::string_view remedy) {
  const Request request = {flag, path, max_bytes, remedy};
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) {
    return Refuse(request, "cannot open it: %s; name a file that can be read",
                  std::strerror(errno));
  }
  const absl::Cleanup close_fd = [fd] { close(fd); };
  HVKIT_ASSIGN_OR_RETURN(const uint64_t size, ExpectedSize(request, fd));
  HVKIT_ASSIGN_OR_RETURN(std::vector<std::byte> bytes, ReadAll(request, fd, size));
  if (bytes.empty()) return Refuse(request, "is empty; name a file with content");
  return bytes;
}

absl::StatusOr<std::vector<std::byte>> ReadKernelFile(const std::string& path) {
  return ReadInputFile("--kernel", path, kMaxKernelFileBytes, "use a smaller kernel");
}

absl::StatusOr<std::vector<std::byte>> ReadInitrdFile(const std::string& path,
                                                      uint64_t memory_bytes) {
  return ReadInputFile("--initrd", path, std::min(memory_bytes, kMaxInitrdFileBytes),
                       "use a smaller initrd, or give the guest more with --memory (the initrd "
                       "must lie below 3G)");
}

}  // namespace hvkit::vmm
