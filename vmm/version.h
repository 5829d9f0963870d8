// The version of hvkit: the one place where it is written (CHANGELOG.md has its history).
#ifndef HVKIT_VMM_VERSION_H_
#define HVKIT_VMM_VERSION_H_

#include <string_view>

namespace hvkit::vmm {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_VERSION_H_
