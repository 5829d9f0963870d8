// One ioctl, with its error made readable: the base that Kvm, Vm, Vcpu and Device are built on.
// A failure reads "KVM_CREATE_VCPU(id=0x3): EEXIST"; nothing is formatted or allocated on success.
#ifndef HVKIT_KVM_IOCTLS_IOCTL_H_
#define HVKIT_KVM_IOCTLS_IOCTL_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kvm_ioctls/errno.h"
#include "kvm_ioctls/unique_fd.h"

namespace hvkit::kvm {

// A request code and its name.
struct IoctlId {
  unsigned long request;
  const char* name;
};
// An IoctlId of a request by its name, as HVKIT_IOCTL_ID(KVM_RUN).
#define HVKIT_IOCTL_ID(request) (::hvkit::kvm::IoctlId{(request), #request})

// A named number for an error message: unsigned values print in hexadecimal, signed ones in
// decimal.
class Operand {
 public:
  template <std::integral T>
  constexpr Operand(const char* name, T value)  // NOLINT(google-explicit-constructor)
      : name_(name), value_(static_cast<uint64_t>(value)), is_signed_(std::signed_integral<T>) {}

  const char* name() const { return name_; }
  uint64_t value() const { return value_; }
  bool is_signed() const { return is_signed_; }

 private:
  const char* name_;
  uint64_t value_;
  bool is_signed_;
};
// In the order in which a message names them.
using Operands = std::initializer_list<Operand>;

// What ioctl(2) returned (>= 0), or why it failed.
struct IoctlResult {
  int value = 0;
  Errno error;
};

// Calls ioctl(2) once. EINTR is an error like the others.
IoctlResult RawIoctl(int fd, unsigned long request, unsigned long argument);

// "NAME(a=0x1, b=-2): EINVAL".
absl::Status IoctlError(const IoctlId& id, Errno error, Operands operands = {});

// Owner of a KVM file descriptor. The kernel serialises ioctls, so const methods are thread-safe.
class IoctlFd {
 public:
  // The descriptor, still owned by this object: for poll(2), seccomp rules, or an ioctl that hvkit
  // does not wrap.
  int fd() const { return fd_.get(); }

 protected:
  explicit IoctlFd(UniqueFd fd) : fd_(std::move(fd)) {}
  IoctlFd(IoctlFd&&) = default;
  IoctlFd& operator=(IoctlFd&&) = default;
  ~IoctlFd() = default;

  // An ioctl whose return value matters.
  absl::StatusOr<int> Call(const IoctlId& id, unsigned long argument, Operands operands = {}) const;
  absl::StatusOr<int> CallPtr(const IoctlId& id, const void* argument,
                              Operands operands = {}) const {
    return Call(id, reinterpret_cast<unsigned long>(argument), operands);
  }
  // An ioctl that only succeeds or fails.
  absl::Status Do(const IoctlId& id, unsigned long argument, Operands operands = {}) const;
  absl::Status DoPtr(const IoctlId& id, const void* argument, Operands operands = {}) const {
    return Do(id, reinterpret_cast<unsigned long>(argument), operands);
  }
  // An ioctl that returns a new descriptor.
  absl::StatusOr<UniqueFd> NewFd(const IoctlId& id, unsigned long argument,
                                 Operands operands = {}) const;
  // An ioctl that fills one fixed-size struct.
  template <typename T>
  absl::StatusOr<T> Get(const IoctlId& id, Operands operands = {}) const {
    T value{};
    absl::Status status = DoPtr(id, &value, operands);
    if (!status.ok()) {
      return status;
    }
    return value;
  }

 private:
  UniqueFd fd_;
};

}  // namespace hvkit::kvm

#endif  // HVKIT_KVM_IOCTLS_IOCTL_H_
