// docs/enlightenments.md, written from the table.
//
// A test compares the file with this; `bazel run //hyperv/enlightenments:print_markdown` prints it.
// Pure function: thread-safe.
#ifndef HVKIT_HYPERV_ENLIGHTENMENTS_MARKDOWN_H_
#define HVKIT_HYPERV_ENLIGHTENMENTS_MARKDOWN_H_

#include <string>

namespace hvkit::hyperv {

// All of docs/enlightenments.md.
[[nodiscard]] std::string EnlightenmentsMarkdown();

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_ENLIGHTENMENTS_MARKDOWN_H_
