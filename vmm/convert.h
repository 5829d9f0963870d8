// vmm --convert: a QEMU -cpu string to libvirt's <hyperv> element, or the other way.
//
// Pure function: thread-safe.
#ifndef HVKIT_VMM_CONVERT_H_
#define HVKIT_VMM_CONVERT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace hvkit::vmm {

struct Conversion {
  std::string text;  // Ends in a newline
  std::string note;  // What --cpu would say against the result; empty where it takes it
};

// Text whose first character, blanks aside, is '<' is XML. Errors are kInvalidArgument, one line.
[[nodiscard]] absl::StatusOr<Conversion> Convert(absl::string_view text);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_CONVERT_H_
