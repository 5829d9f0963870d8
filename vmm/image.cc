#include "vmm/image.h"

#include <optional>

#include "absl/strings/str_format.h"
#include "kvm_ioctls/status_macros.h"
#include "vmm/bzimage_loader.h"
#include "vmm/elf_image.h"
#include "vmm/elf_loader.h"
#include "vmm/flat_loader.h"
#include "vmm/multiboot_loader.h"
#include "vmm/plan_builder.h"

namespace hvkit::vmm {

absl::StatusOr<BootPlan> PlanBoot(const BootInputs& inputs, KernelFormat format) {
  const Bytes file = inputs.kernel.bytes;
  if (format == KernelFormat::kFlat) return PlanFlat(inputs);
  if (LooksLikeBzImage(file)) return PlanBzImage(inputs);
  if (LooksLikeElf(file)) return PlanElf(inputs);
  const std::optional<MultibootHeader> multiboot = FindMultibootHeader(file);
  if (multiboot.has_value()) return PlanMultibootRaw(inputs, *multiboot);
  return KernelError(inputs, absl::StrFormat("%d bytes that are no bzImage, ELF or multiboot-1 "
                                             "image; give one, or --kernel-format=flat for raw "
                                             "real-mode code",
                                             file.size()));
}

absl::StatusOr<EntryState> LoadImage(const BootInputs& inputs, KernelFormat format,
                                     hyperv::GuestMemory& memory) {
  HVKIT_ASSIGN_OR_RETURN(const BootPlan plan, PlanBoot(inputs, format));
  HVKIT_RETURN_IF_ERROR(WritePlan(plan, memory));
  return plan.entry;
}

}  // namespace hvkit::vmm
