// What goes into the rig with a program: the job and the files, as a cpio archive.

#ifndef HVKIT_TESTING_RIG_PAYLOAD_H_
#define HVKIT_TESTING_RIG_PAYLOAD_H_

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "testing/rig/job.h"
#include "testing/rig/options.h"

namespace hvkit::testing::rig {

struct Payload {
  Job job;
  std::vector<CarriedFile> files;  // destinations are absolute and unique
};

// Decides what a run needs: the program, the files of --file, and every existing regular file that
// an argument names as PATH, --flag=PATH or --flag=file:PATH. Each keeps its absolute path, and the
// program runs in the caller's directory, so that relative names work. Refuses a program that is
// not a static ELF executable.
[[nodiscard]] absl::StatusOr<Payload> MakePayload(const Options& options);

// Writes the archive, with the directories that the job's result files need.
[[nodiscard]] absl::Status WritePayload(const Payload& payload, std::ostream& out);

// Reads a whole file.
[[nodiscard]] absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace hvkit::testing::rig

#endif  // HVKIT_TESTING_RIG_PAYLOAD_H_
