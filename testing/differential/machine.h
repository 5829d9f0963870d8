// Runs programs on a back end: a virtual machine of the reference VMM for each batch, in this
// process. Main thread only.
#ifndef HVKIT_TESTING_DIFFERENTIAL_MACHINE_H_
#define HVKIT_TESTING_DIFFERENTIAL_MACHINE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "testing/differential/generator.h"
#include "testing/differential/program.h"
#include "vmm/config.h"

namespace hvkit::testing {

using Records = std::vector<Record>;

class Machine {
 public:
  // `guest` is the guest's image; `scratch` names a file that may be written.
  Machine(std::string guest, std::string scratch)
      : guest_(std::move(guest)), scratch_(std::move(scratch)) {}

  // The records of each program. Errors: what could not be set up, or how the guest ended instead;
  // kDeadlineExceeded if it did not within `seconds`.
  [[nodiscard]] absl::StatusOr<std::vector<Records>> Run(std::span<const Program> programs,
                                                         uint32_t cpus, vmm::Backend backend,
                                                         uint32_t seconds);

 private:
  const std::string guest_;
  const std::string scratch_;
};

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_DIFFERENTIAL_MACHINE_H_
