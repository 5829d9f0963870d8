// Runs programs on both back ends and compares what they saw. Main thread only.
#ifndef HVKIT_TESTING_DIFFERENTIAL_BACK_ENDS_H_
#define HVKIT_TESTING_DIFFERENTIAL_BACK_ENDS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "testing/differential/compare.h"
#include "testing/differential/generator.h"
#include "testing/differential/machine.h"
#include "vmm/config.h"

namespace hvkit::testing {

class BackEnds {
 public:
  explicit BackEnds(Machine machine) : machine_(std::move(machine)) {}

  // What each program saw on one back end. They share a machine; where a guest stops in the middle
  // of a program, which is told, the next ones get another.
  // Errors: what could not be set up.
  [[nodiscard]] absl::StatusOr<std::vector<Records>> RunAll(std::span<const Program> programs,
                                                            uint32_t cpus, vmm::Backend backend);

  struct Pair {
    std::vector<Records> kernel;
    std::vector<Records> user;
  };
  [[nodiscard]] absl::StatusOr<Pair> RunOnBoth(std::span<const Program> programs, uint32_t cpus);

  // One for each program.
  [[nodiscard]] absl::StatusOr<std::vector<Comparison>> CompareAll(
      std::span<const Program> programs, uint32_t cpus);

  // Guests that stopped in the middle.
  [[nodiscard]] uint64_t stops() const { return stops_; }

 private:
  Machine machine_;
  uint64_t stops_ = 0;
};

[[nodiscard]] std::vector<Comparison> CompareEach(std::span<const Program> programs,
                                                  const BackEnds::Pair& records);

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_DIFFERENTIAL_BACK_ENDS_H_
