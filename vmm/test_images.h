// Small kernel files for the loaders' tests, made by hand so that every field can be made wrong.
#ifndef HVKIT_VMM_TEST_IMAGES_H_
#define HVKIT_VMM_TEST_IMAGES_H_

#include <asm/bootparam.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/boot_plan.h"
#include "vmm/byte_view.h"
#include "vmm/elf_image.h"

namespace hvkit::vmm {

using File = std::vector<std::byte>;

// `size` bytes, no two neighbours equal.
[[nodiscard]] File Pattern(size_t size);

// A bzImage of protocol 2.15 with a 4096-byte kernel that wants 0x1000000 and 64 KiB there.
struct BzImageSpec {
  BzImageSpec();

  setup_header header{};
  size_t kernel_size = 4096;
};
[[nodiscard]] File MakeBzImage(const BzImageSpec& spec);

struct ElfLoadSpec {
  uint64_t address = 0x400000;
  uint64_t virt = 0x400000;
  uint64_t file_size = 0x100;
  uint64_t memory_size = 0x200;
};

// An ELF file. Its first segment's bytes begin with a multiboot header where `multiboot_flags` is
// given, followed by `multiboot_addresses`.
struct ElfSpec {
  ElfClass elf_class = ElfClass::k64;
  uint64_t entry = 0x400010;
  uint16_t type = 2;  // ET_EXEC
  std::optional<uint16_t> machine;
  std::vector<ElfLoadSpec> loads = {ElfLoadSpec{}};
  std::optional<uint64_t> pvh_entry;
  std::optional<uint32_t> multiboot_flags;
  std::vector<uint32_t> multiboot_addresses;
  bool interpreter = false;
};
[[nodiscard]] File MakeElf(const ElfSpec& spec);

// Where MakeElf puts the bytes of the first segment.
[[nodiscard]] uint64_t FirstSegmentOffset(const ElfSpec& spec);

// A multiboot header with a right checksum.
[[nodiscard]] File MakeMultibootHeader(uint32_t flags, const std::vector<uint32_t>& addresses);

// A guest with `memory_bytes` that boots `kernel` from the path "kernel.img".
[[nodiscard]] BootInputs MakeInputs(const File& kernel, uint64_t memory_bytes = 512 << 20);

// What the plan puts at `gpa`: the bytes of the piece there, from `gpa` on; empty without one.
[[nodiscard]] Bytes PlannedBytes(const BootPlan& plan, uint64_t gpa);
[[nodiscard]] std::string PlannedString(const BootPlan& plan, uint64_t gpa);

// The T at `gpa`, or a default one where the plan has none.
template <typename T>
[[nodiscard]] T Planned(const BootPlan& plan, uint64_t gpa) {
  return ReadAt<T>(PlannedBytes(plan, gpa), 0).value_or(T{});
}

// Whether all pieces and the CPU's tables are disjoint and in RAM, the ACPI area excluded.
[[nodiscard]] bool IsSound(const BootPlan& plan, const MemoryMap& map);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_TEST_IMAGES_H_
