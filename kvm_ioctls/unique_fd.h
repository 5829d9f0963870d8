// Owner of one file descriptor. Movable, closes on destruction.
// It does not open anything and does not report errors of close(2), which nobody can act on.
#ifndef HVKIT_KVM_IOCTLS_UNIQUE_FD_H_
#define HVKIT_KVM_IOCTLS_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace hvkit::kvm {

// Not thread-safe: one owner, as for a pointer.
class UniqueFd {
 public:
  UniqueFd() = default;
  // Takes ownership of `fd`; -1 means none.
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    Reset(other.Release());
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  // Gives the descriptor away; this object then owns none.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }
  // Closes what is owned and owns `fd` instead.
  void Reset(int fd = -1) {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) {
      ::close(old);
    }
  }

 private:
  int fd_ = -1;
};

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_UNIQUE_FD_H_
