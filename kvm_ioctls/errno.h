// The kernel's error numbers: a cheap value for hot paths, and the one mapping to absl::Status for
// everything else.
#ifndef HVKIT_KVM_IOCTLS_ERRNO_H_
#define HVKIT_KVM_IOCTLS_ERRNO_H_

#include <cerrno>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace hvkit::kvm {

// An errno value, 0 for success. Immutable, never allocates.
class [[nodiscard]] Errno {
 public:
  constexpr Errno() = default;
  constexpr explicit Errno(int value) : value_(value) {}
  // The calling thread's errno.
  static Errno Last() { return Errno(errno); }

  constexpr int value() const { return value_; }
  constexpr bool ok() const { return value_ == 0; }
  friend constexpr bool operator==(Errno, Errno) = default;

 private:
  int value_ = 0;
};

// The symbol of an errno value ("EINVAL"), or "errno N" for a number that libc does not know.
std::string ErrnoName(Errno error);

// The canonical code that hvkit gives to an errno. Abseil's own table, except for what means
// something else from KVM: ENOTTY (this kernel has no such ioctl) is Unimplemented.
absl::StatusCode ErrnoToStatusCode(Errno error);

// A status "what: EINVAL" with the code above; OK for Errno(0).
absl::Status ErrnoToStatus(Errno error, absl::string_view what);

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_ERRNO_H_
