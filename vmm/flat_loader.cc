#include "vmm/flat_loader.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "kvm_ioctls/status_macros.h"
#include "vmm/plan_builder.h"

namespace hvkit::vmm {

absl::StatusOr<BootPlan> PlanFlat(const BootInputs& inputs) {
  static constexpr uint64_t kMaxSize = kLowRamEnd - kFlatLoadAddress;
  const uint64_t size = inputs.kernel.bytes.size();
  if (size > kMaxSize) {
    return KernelError(inputs,
                       absl::StrFormat("%d bytes are more than the %d that fit from %#x on; "
                                       "use a smaller image or another format",
                                       size, kMaxSize, kFlatLoadAddress));
  }
  if (inputs.initrd.has_value()) {
    return InitrdError(inputs, "--kernel-format=flat takes no initrd; drop the flag");
  }
  if (!inputs.cmdline.empty()) {
    return absl::InvalidArgumentError(
        "--cmdline: --kernel-format=flat takes no command line; drop the flag");
  }
  PlanBuilder builder(inputs, "flat");
  HVKIT_RETURN_IF_ERROR(builder.AddImage("the image", kFlatLoadAddress, inputs.kernel.bytes, size,
                                         PlanBuilder::Rest::kLeave));
  return std::move(builder).Finish(
      {.mode = EntryMode::kReal16, .rip = 0, .cs = kFlatLoadAddress >> 4});
}

}  // namespace hvkit::vmm
