#include "kvm_ioctls/stats.h"

#include <unistd.h>

#include <cstring>
#include <span>

#include "absl/strings/str_cat.h"
#include "kvm_ioctls/errno.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::kvm {
namespace {

// Far above what any kernel has; keeps a broken header from asking for gigabytes.
constexpr uint32_t kMaxDescriptors = 4096;
constexpr uint32_t kMaxNameSize = 256;

absl::Status ReadExactly(int fd, std::span<std::byte> buffer, uint64_t offset) {
  const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
  if (got < 0) {
    return ErrnoToStatus(Errno::Last(), "read of KVM statistics");
  }
  if (static_cast<size_t>(got) != buffer.size()) {
    return absl::OutOfRangeError(absl::StrCat("read of KVM statistics: ", got, " of ",
                                              buffer.size(), " bytes at offset ", offset));
  }
  return absl::OkStatus();
}

absl::StatusOr<Stat> ReadStat(int fd, std::span<const std::byte> descriptor, uint64_t data_offset) {
  kvm_stats_desc desc;
  std::memcpy(&desc, descriptor.data(), sizeof(desc));
  const auto* name = reinterpret_cast<const char*>(descriptor.data()) + sizeof(desc);
  Stat stat{std::string(name, ::strnlen(name, descriptor.size() - sizeof(desc))), {}};
  stat.values.resize(desc.size);
  HVKIT_RETURN_IF_ERROR(
      ReadExactly(fd, std::as_writable_bytes(std::span(stat.values)), data_offset + desc.offset));
  return stat;
}

}  // namespace

absl::StatusOr<std::vector<Stat>> ReadStats(int fd) {
  kvm_stats_header header{};
  HVKIT_RETURN_IF_ERROR(ReadExactly(fd, std::as_writable_bytes(std::span(&header, 1)), 0));
  if (header.num_desc > kMaxDescriptors || header.name_size > kMaxNameSize) {
    return absl::OutOfRangeError(absl::StrCat("KVM statistics: ", header.num_desc,
                                              " descriptors with names of ", header.name_size));
  }
  const size_t stride = sizeof(kvm_stats_desc) + header.name_size;
  std::vector<std::byte> descriptors(header.num_desc * stride);
  HVKIT_RETURN_IF_ERROR(ReadExactly(fd, descriptors, header.desc_offset));
  std::vector<Stat> stats;
  for (size_t i = 0; i < header.num_desc; ++i) {
    const auto descriptor = std::span(descriptors).subspan(i * stride, stride);
    HVKIT_ASSIGN_OR_RETURN(Stat stat, ReadStat(fd, descriptor, header.data_offset));
    stats.push_back(std::move(stat));
  }
  return stats;
}

}  // namespace hvkit::kvm
