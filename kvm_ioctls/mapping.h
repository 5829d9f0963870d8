// Owner of one shared mapping of a file descriptor: the kvm_run area and the dirty ring of a vCPU.
// Guest memory is not its business.
#ifndef HVKIT_KVM_IOCTLS_MAPPING_H_
#define HVKIT_KVM_IOCTLS_MAPPING_H_

#include <sys/types.h>

#include <cstddef>
#include <utility>

#include "absl/status/statusor.h"

namespace hvkit::kvm {

// Not thread-safe itself; the memory behind it is shared with the kernel. The address survives
// moves.
class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Mapping();

  // Maps `size` bytes of `fd` at `offset`, readable and writable, shared. `what` names it in the
  // error.
  [[nodiscard]] static absl::StatusOr<Mapping> Map(int fd, off_t offset, size_t size,
                                                   const char* what);

  void* address() const { return address_; }
  size_t size() const { return size_; }

 private:
  Mapping(void* address, size_t size) : address_(address), size_(size) {}

  void* address_ = nullptr;
  size_t size_ = 0;
};

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_MAPPING_H_
