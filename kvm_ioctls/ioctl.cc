#include "kvm_ioctls/ioctl.h"

#include <sys/ioctl.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace hvkit::kvm {
namespace {

void AppendOperand(std::string& text, const Operand& operand) {
  if (operand.is_signed()) {
    absl::StrAppend(&text, operand.name(), "=", static_cast<int64_t>(operand.value()));
  } else {
    absl::StrAppend(&text, operand.name(), "=0x", absl::Hex(operand.value()));
  }
}

}  // namespace

IoctlResult RawIoctl(int fd, unsigned long request, unsigned long argument) {
  const int value = ::ioctl(fd, request, argument);
  return value < 0 ? IoctlResult{-1, Errno::Last()} : IoctlResult{value, Errno()};
}

absl::Status IoctlError(const IoctlId& id, Errno error, Operands operands) {
  std::string what = id.name;
  const char* separator = "(";
  for (const Operand& operand : operands) {
    absl::StrAppend(&what, separator);
    AppendOperand(what, operand);
    separator = ", ";
  }
  if (operands.size() > 0) {
    absl::StrAppend(&what, ")");
  }
  return ErrnoToStatus(error, what);
}

absl::StatusOr<int> IoctlFd::Call(const IoctlId& id, unsigned long argument,
                                  Operands operands) const {
  const IoctlResult result = RawIoctl(fd(), id.request, argument);
  if (!result.error.ok()) {
    return IoctlError(id, result.error, operands);
  }
  return result.value;
}

absl::Status IoctlFd::Do(const IoctlId& id, unsigned long argument, Operands operands) const {
  const IoctlResult result = RawIoctl(fd(), id.request, argument);
  return result.error.ok() ? absl::OkStatus() : IoctlError(id, result.error, operands);
}

absl::StatusOr<UniqueFd> IoctlFd::NewFd(const IoctlId& id, unsigned long argument,
                                        Operands operands) const {
  const IoctlResult result = RawIoctl(fd(), id.request, argument);
  if (!result.error.ok()) {
    return IoctlError(id, result.error, operands);
  }
  return UniqueFd(result.value);
}

}  // namespace hvkit::kvm
