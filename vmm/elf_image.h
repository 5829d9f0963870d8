// The program view of an ELF file: segments to load, entry point and notes. Source: the System V
// ABI's generic part; the PVH note: Xen's public/elfnote.h. Knows x86 files only; reads neither
// sections nor symbols and relocates nothing.
#ifndef HVKIT_VMM_ELF_IMAGE_H_
#define HVKIT_VMM_ELF_IMAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vmm/boot_plan.h"
#include "vmm/byte_view.h"
#include "vmm/plan_builder.h"

namespace hvkit::vmm {

enum class ElfClass : uint8_t { k32, k64 };

// A PT_LOAD: `bytes` at `physical`, zeros up to `memory_size`.
struct ElfSegment {
  Bytes bytes;
  uint64_t physical = 0;
  uint64_t virt = 0;
  uint64_t memory_size = 0;
};

// Borrows the file's bytes. Immutable.
struct ElfImage {
  ElfClass elf_class = ElfClass::k64;
  uint64_t entry = 0;  // physical
  std::vector<ElfSegment> segments;
  std::optional<uint64_t> pvh_entry;  // XEN_ELFNOTE_PHYS32_ENTRY
};

[[nodiscard]] bool LooksLikeElf(Bytes bytes);

// Parses `inputs.kernel`. Anything malformed is kInvalidArgument and names --kernel.
[[nodiscard]] absl::StatusOr<ElfImage> ParseElf(const BootInputs& inputs);

// Puts the segments in place and checks that `entry` lies in one of them.
[[nodiscard]] absl::Status AddSegments(const BootInputs& inputs, const ElfImage& elf,
                                       uint64_t entry, PlanBuilder& builder);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_ELF_IMAGE_H_
