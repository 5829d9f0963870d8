#include "kvm_ioctls/errno.h"

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"

namespace hvkit::kvm {

std::string ErrnoName(Errno error) {
  const char* name = ::strerrorname_np(error.value());
  return name != nullptr ? std::string(name) : absl::StrCat("errno ", error.value());
}

absl::StatusCode ErrnoToStatusCode(Errno error) {
  return error.value() == ENOTTY ? absl::StatusCode::kUnimplemented
                                 : absl::ErrnoToStatusCode(error.value());
}

absl::Status ErrnoToStatus(Errno error, absl::string_view what) {
  if (error.ok()) {
    return absl::OkStatus();
  }
  return absl::Status(ErrnoToStatusCode(error), absl::StrCat(what, ": ", ErrnoName(error)));
}

}  // namespace hvkit::kvm
