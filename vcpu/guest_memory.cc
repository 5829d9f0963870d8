#include "vcpu/guest_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "hyperv/host/shared_bytes.h"
#include "kvm_ioctls/errno.h"
#include "kvm_ioctls/kvm_compat.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vcpu {
namespace {

using hyperv::Access;
using hyperv::Gpa;
using hyperv::Gpn;
using hyperv::kPageSize;
using hyperv::MemFault;
using hyperv::PinnedPage;

absl::Status CheckSize(uint64_t size) {
  if (size < GuestMemory::kMinSize || size > GuestMemory::kMaxSize) {
    return absl::InvalidArgumentError(absl::StrCat("guest memory of ", size,
                                                   " bytes: must be from ", GuestMemory::kMinSize,
                                                   " to ", GuestMemory::kMaxSize));
  }
  if (size % kPageSize != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("guest memory of ", size, " bytes: must be a multiple of ", kPageSize));
  }
  return absl::OkStatus();
}

absl::Status HostRefuses(const char* call, uint64_t size) {
  const kvm::Errno error = kvm::Errno::Last();
  return absl::ResourceExhaustedError(
      absl::StrCat(call, " for ", size, " bytes of guest memory: ", kvm::ErrnoName(error)));
}

absl::StatusOr<kvm::UniqueFd> CreateFile(uint64_t size) {
  kvm::UniqueFd fd(::memfd_create("hvkit-guest-ram", MFD_CLOEXEC));
  if (!fd.valid()) return HostRefuses("memfd_create", size);
  if (size > static_cast<uint64_t>(std::numeric_limits<off_t>::max()) ||
      ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
    return HostRefuses("ftruncate", size);
  }
  return fd;
}

std::vector<MemoryRegion> Layout(uint64_t size) {
  const uint64_t low = std::min(size, GuestMemory::kLowRamLimit);
  std::vector<MemoryRegion> regions = {{Gpa(0), low, 0}};
  if (size > low) regions.push_back({Gpa(GuestMemory::kHighRamBase), size - low, low});
  return regions;
}

}  // namespace

absl::StatusOr<std::unique_ptr<GuestMemory>> GuestMemory::Create(uint64_t size) {
  HVKIT_RETURN_IF_ERROR(CheckSize(size));
  HVKIT_ASSIGN_OR_RETURN(kvm::UniqueFd fd, CreateFile(size));
  void* const bytes =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd.get(), 0);
  if (bytes == MAP_FAILED) return HostRefuses("mmap", size);
  return std::unique_ptr<GuestMemory>(
      new GuestMemory(std::move(fd), static_cast<std::byte*>(bytes), size));
}

GuestMemory::GuestMemory(kvm::UniqueFd fd, std::byte* bytes, uint64_t size)
    : fd_(std::move(fd)), bytes_(bytes), size_(size), regions_(Layout(size)) {}

GuestMemory::~GuestMemory() { ::munmap(bytes_, size_); }

absl::Status GuestMemory::RegisterWith(const kvm::Vm& vm, uint32_t first_slot) const {
  uint32_t slot = first_slot;
  for (const MemoryRegion& region : regions_) {
    kvm_userspace_memory_region request = {};
    request.slot = slot++;
    request.guest_phys_addr = region.base.value();
    request.memory_size = region.size;
    request.userspace_addr = reinterpret_cast<uint64_t>(bytes_ + region.file_offset);
    HVKIT_RETURN_IF_ERROR(vm.SetUserMemoryRegion(request));
  }
  return absl::OkStatus();
}

std::vector<E820Entry> GuestMemory::E820Map() const {
  constexpr uint64_t kLegacyStart = kLegacyAreaStart.value();
  constexpr uint64_t kLegacyEnd = kLegacyAreaEnd.value();
  std::vector<E820Entry> map = {
      {0, kLegacyStart, E820Type::kRam},
      {kLegacyStart, kLegacyEnd - kLegacyStart, E820Type::kReserved},
  };
  for (const MemoryRegion& region : regions_) {
    const uint64_t start = std::max(region.base.value(), kLegacyEnd);
    const uint64_t end = region.base.value() + region.size;
    if (end > start) map.push_back({start, end - start, E820Type::kRam});
  }
  return map;
}

std::byte* GuestMemory::Find(Gpa first, size_t size) const {
  for (const MemoryRegion& region : regions_) {
    if (first < region.base) break;
    const uint64_t offset = first.value() - region.base.value();
    if (offset <= region.size && size <= region.size - offset) {
      return bytes_ + region.file_offset + offset;
    }
  }
  return nullptr;
}

MemFault GuestMemory::Read(Gpa from, std::span<std::byte> to) const {
  if (to.empty()) return MemFault::kNone;
  const std::byte* const bytes = Find(from, to.size());
  if (bytes == nullptr) return MemFault::kUnmapped;
  hyperv::CopyFromShared(to.data(), bytes, to.size());
  return MemFault::kNone;
}

MemFault GuestMemory::Write(Gpa to, std::span<const std::byte> from) {
  if (from.empty()) return MemFault::kNone;
  std::byte* const bytes = Find(to, from.size());
  if (bytes == nullptr) return MemFault::kUnmapped;
  hyperv::CopyToShared(bytes, from.data(), from.size());
  return MemFault::kNone;
}

std::optional<PinnedPage> GuestMemory::Pin(Gpn page, Access access) {
  std::byte* const bytes = Find(page.FirstByte(), kPageSize);
  if (bytes == nullptr) return std::nullopt;
  return PinnedPage(page, access, bytes);
}

}  // namespace hvkit::vcpu
