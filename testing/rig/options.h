// The rig's command line: rig [OPTIONS] -- PROGRAM ARGS...

#ifndef HVKIT_TESTING_RIG_OPTIONS_H_
#define HVKIT_TESTING_RIG_OPTIONS_H_

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace hvkit::testing::rig {

// A file of the host and its path in the rig.
struct CarriedFile {
  std::string source;
  std::string destination;

  friend bool operator==(const CarriedFile&, const CarriedFile&) = default;
};

struct Options {
  std::string kernel;                     // --kernel=FILE: the L1 kernel
  std::string initrd;                     // --initrd=FILE: the rig's own initramfs
  int cpus = 1;                           // --cpus=N
  std::string memory = "1536M";           // --memory=SIZE, in QEMU's notation
  std::chrono::seconds boot_timeout{90};  // --boot-timeout=SECONDS: until the program runs
  std::chrono::seconds timeout{600};      // --timeout=SECONDS: from then to its end
  std::vector<CarriedFile> files;         // --file=SRC[:DST]
  std::vector<std::string> outs;          // --out=PATH: brought back when the program ends
  std::vector<std::string> env;           // --env=KEY=VALUE
  std::vector<std::string> command;       // PROGRAM ARGS...
};

// Parses the arguments after the program's own name. An error names the argument and what it should
// be.
[[nodiscard]] absl::StatusOr<Options> ParseOptions(absl::Span<const char* const> args);

}  // namespace hvkit::testing::rig

#endif  // HVKIT_TESTING_RIG_OPTIONS_H_
