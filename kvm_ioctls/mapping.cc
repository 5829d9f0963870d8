#include "kvm_ioctls/mapping.h"

#include <sys/mman.h>

#include "absl/strings/str_cat.h"
#include "kvm_ioctls/errno.h"

namespace hvkit::kvm {

Mapping::~Mapping() {
  if (address_ != nullptr) {
    ::munmap(address_, size_);
  }
}

absl::StatusOr<Mapping> Mapping::Map(int fd, off_t offset, size_t size, const char* what) {
  void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
  if (address == MAP_FAILED) {
    return ErrnoToStatus(Errno::Last(), absl::StrCat("mmap of ", what, " (", size, " bytes)"));
  }
  return Mapping(address, size);
}

}  // namespace hvkit::kvm
