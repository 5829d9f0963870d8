// Recognises a kernel file by its content and hands it to the loader of its boot protocol.
#ifndef HVKIT_VMM_IMAGE_H_
#define HVKIT_VMM_IMAGE_H_

#include "absl/status/statusor.h"
#include "hyperv/host/guest_memory.h"
#include "vmm/boot_plan.h"
#include "vmm/config.h"

namespace hvkit::vmm {

// Plans the boot of `inputs.kernel`. kAuto looks at the content: a Linux bzImage, an ELF file (PVH,
// multiboot-1 or a plain 64-bit entry) or a multiboot-1 image with load addresses of its own;
// anything else is refused. kFlat takes any bytes. Errors are kInvalidArgument, one line, and name
// the flag.
[[nodiscard]] absl::StatusOr<BootPlan> PlanBoot(const BootInputs& inputs, KernelFormat format);

// Plans and writes in one step.
[[nodiscard]] absl::StatusOr<EntryState> LoadImage(const BootInputs& inputs, KernelFormat format,
                                                   hyperv::GuestMemory& memory);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_IMAGE_H_
