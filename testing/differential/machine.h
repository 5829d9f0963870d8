// Runs programs on a back end: a virtual machine of the reference VMM for each batch, in this
// process. Main thread only.
#ifndef HVKIT_TESTING_DIFFERENTIAL_MACHINE_H_
#define HVKIT_TESTING_DIFFERENTIAL_MACHINE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "testing/differential/generator.h"
#include "testing/differential/program.h"
#include "vmm/config.h"

namespace hvkit::testing {

using Records = std::vector<Record>;

// Runs a guest's programs to their end, or as far as it came.
struct MachineRun {
  std::vector<Records> records;  // of each program; steps that were not reached are not `done`
  absl::Status ending;  // how the guest ended instead; kDeadlineExceeded: not within the time
};

class Machine {
 public:
  // `guest` is the guest's image; `scratch` names a file that may be written.
  Machine(std::string guest, std::string scratch)
      : guest_(std::move(guest)), scratch_(std::move(scratch)) {}

  // Errors: what could not be set up.
  [[nodiscard]] absl::StatusOr<MachineRun> Run(std::span<const Program> programs, uint32_t cpus,
                                               vmm::Backend backend, uint32_t seconds);

 private:
  [[nodiscard]] vmm::Config MakeConfig(uint32_t cpus, vmm::Backend backend) const;

  const std::string guest_;
  const std::string scratch_;
};

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_DIFFERENTIAL_MACHINE_H_
