// What all loaders share: places image parts, the initrd and boot structures, and collects them in
// a BootPlan. Errors are kInvalidArgument and name the flag whose value does not fit.
#ifndef HVKIT_VMM_PLAN_BUILDER_H_
#define HVKIT_VMM_PLAN_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vmm/boot_plan.h"
#include "vmm/byte_view.h"
#include "vmm/placement.h"

namespace hvkit::vmm {

// The longest command line where the boot protocol sets no limit.
inline constexpr uint64_t kMaxCmdlineLength = 4095;

[[nodiscard]] absl::Status KernelError(const BootInputs& inputs, std::string_view message);
[[nodiscard]] absl::Status InitrdError(const BootInputs& inputs, std::string_view message);

// Used by one loader for one plan: image first, then the initrd, then boot structures, which go
// where there is room left. Not thread-safe.
class PlanBuilder {
 public:
  // `inputs` must outlive the builder and the plan.
  PlanBuilder(const BootInputs& inputs, std::string_view format);

  // Puts `bytes`, followed by zeros up to `memory_size` where `zero_rest` says so, at `gpa`.
  // `what` names the part in errors.
  enum class Rest : uint8_t { kZero, kLeave };
  [[nodiscard]] absl::Status AddImage(std::string_view what, uint64_t gpa, Bytes bytes,
                                      uint64_t memory_size, Rest rest);

  // Puts the initrd, page-aligned, as high as possible but ending at or below `limit`; or as low as
  // possible but not below `floor`. Both return where; an empty range without an initrd.
  [[nodiscard]] absl::StatusOr<Range> AddInitrdBelow(uint64_t limit);
  [[nodiscard]] absl::StatusOr<Range> AddInitrdAbove(uint64_t floor);

  // Puts a boot structure where it fits. `alignment` is a power of two.
  [[nodiscard]] absl::StatusOr<uint64_t> AddStructure(std::vector<std::byte> bytes,
                                                      uint64_t alignment);
  [[nodiscard]] absl::StatusOr<uint64_t> AddString(std::string_view text);
  // Puts `cmdline` where it fits; refuses one longer than `max_length`.
  [[nodiscard]] absl::StatusOr<uint64_t> AddCmdline(std::string_view cmdline, uint64_t max_length);

  // Finishes with an entry state; reserves its cpu_tables unless the mode is kReal16.
  [[nodiscard]] absl::StatusOr<BootPlan> Finish(EntryState entry) &&;

 private:
  absl::StatusOr<uint64_t> PlaceStructure(uint64_t size, uint64_t alignment);

  const BootInputs& inputs_;
  Placement placement_;
  BootPlan plan_;
};

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_PLAN_BUILDER_H_
