// What the launcher asks init to do: which program to run, how, and which files to send back. It
// travels as a file in the initramfs.

#ifndef HVKIT_TESTING_RIG_JOB_H_
#define HVKIT_TESTING_RIG_JOB_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hvkit::testing::rig {

// Where the parts of the rig lie in the initramfs, away from the paths that callers carry in.
inline constexpr char kInitPath[] = "/.rig/init";
inline constexpr char kJobPath[] = "/.rig/job";
inline constexpr char kModulesDirectory[] = "/.rig/modules";

struct Job {
  std::string program;            // absolute path
  std::vector<std::string> argv;  // argv[0] included
  std::vector<std::string> env;   // KEY=VALUE
  std::string cwd;
  std::vector<std::string>
      out_files;  // absolute paths, sent back if they exist when the program ends

  friend bool operator==(const Job&, const Job&) = default;
};

[[nodiscard]] std::string EncodeJob(const Job& job);

// Nothing if `text` is not the result of EncodeJob.
[[nodiscard]] std::optional<Job> DecodeJob(std::string_view text);

}  // namespace hvkit::testing::rig

#endif  // HVKIT_TESTING_RIG_JOB_H_
