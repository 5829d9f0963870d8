// Reads the files that flags name: once, whole, and never more than a cap.
#ifndef HVKIT_VMM_INPUT_FILE_H_
#define HVKIT_VMM_INPUT_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace hvkit::vmm {

inline constexpr uint64_t kMaxKernelFileBytes = uint64_t{1} << 30;

// Reads `path`, the value of `flag` ("--kernel"). An empty file, a directory, a file of more than
// `max_bytes` or one that cannot be read is kInvalidArgument, one line that names the flag;
// `remedy` completes the line for a file that is too large.
[[nodiscard]] absl::StatusOr<std::vector<std::byte>> ReadInputFile(std::string_view flag,
                                                                   const std::string& path,
                                                                   uint64_t max_bytes,
                                                                   std::string_view remedy);

// The two files of a boot, with their caps: the initrd must fit into `memory_bytes`.
[[nodiscard]] absl::StatusOr<std::vector<std::byte>> ReadKernelFile(const std::string& path);
[[nodiscard]] absl::StatusOr<std::vector<std::byte>> ReadInitrdFile(const std::string& path,
                                                                    uint64_t memory_bytes);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_INPUT_FILE_H_
