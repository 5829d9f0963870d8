// What the VMM's process exits with, and how an error becomes one of these. Scripts rely on the
// numbers. A debug-exit value can equal any of them, so the VMM also says on stderr why it ended.
#ifndef HVKIT_VMM_EXIT_STATUS_H_
#define HVKIT_VMM_EXIT_STATUS_H_

#include <cstdint>

#include "absl/status/status.h"

namespace hvkit::vmm {

enum class ExitStatus : int {
  kSuccess = 0,      // the guest powered off or reset cleanly
  kBadInput = 2,     // the command line or a file that it names
  kUnsupported = 3,  // this machine cannot do it
  kGuestCrash = 4,   // the guest reported a crash through the crash MSRs
  kInternal = 5,     // an error in the VMM, or a triple fault
};

constexpr int ToInt(ExitStatus status) { return static_cast<int>(status); }

inline ExitStatus ExitStatusFor(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitStatus::kSuccess;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
      return ExitStatus::kBadInput;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kResourceExhausted:
      return ExitStatus::kUnsupported;
    default:
      return ExitStatus::kInternal;
  }
}

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_EXIT_STATUS_H_
