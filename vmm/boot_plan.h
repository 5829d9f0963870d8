// What a boot protocol's loader decides: the bytes to put into guest memory and the state that the
// first vCPU enters with. Loaders make plans from bytes alone, so they run (and refuse) without KVM
// and without a guest; writing the plan is a separate step.
#ifndef HVKIT_VMM_BOOT_PLAN_H_
#define HVKIT_VMM_BOOT_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "hyperv/host/guest_memory.h"
#include "vmm/memory_map.h"

namespace hvkit::vmm {

// A file's content and the name that the user gave it. Borrows both.
struct InputFile {
  std::string_view path;
  std::span<const std::byte> bytes;
};

// What every loader works from. Borrows the files: they must outlive the plan.
struct BootInputs {
  InputFile kernel;
  std::optional<InputFile> initrd;
  std::string cmdline;
  MemoryMap memory;
  uint64_t acpi_rsdp = 0;  // its address, in the BIOS area; 0 without ACPI
};

// Room for a GDT and the page tables of an identity map, page-aligned.
inline constexpr uint64_t kCpuTablesSize = uint64_t{8} * 4096;

enum class EntryMode : uint8_t { kReal16, kProtected32, kLong64 };

// The first vCPU's state at the guest's first instruction. Registers not named are zero.
struct EntryState {
  EntryMode mode = EntryMode::kLong64;
  uint64_t rip = 0;
  uint16_t cs = 0;  // a segment, in kReal16 only
  uint64_t rax = 0;
  uint64_t rbx = 0;
  uint64_t rsi = 0;
  // Page-aligned RAM below 1 MiB where possible, kCpuTablesSize long, that nothing else uses: for
  // the GDT and page tables of the entry mode. 0 in kReal16.
  uint64_t cpu_tables = 0;
};

// One range of guest memory: `bytes` and then `zeros` zero bytes.
struct BootPiece {
  uint64_t gpa = 0;
  std::span<const std::byte> bytes;
  uint64_t zeros = 0;
};

// Immutable once a loader has returned it. Movable, not copyable: pieces point into `owned`.
struct BootPlan {
  BootPlan() = default;
  BootPlan(BootPlan&&) = default;
  BootPlan& operator=(BootPlan&&) = default;
  BootPlan(const BootPlan&) = delete;
  BootPlan& operator=(const BootPlan&) = delete;

  // Adds a piece whose bytes the plan keeps.
  void AddOwned(uint64_t gpa, std::vector<std::byte> bytes);
  // Adds a NUL-terminated string.
  void AddString(uint64_t gpa, std::string_view text);

  std::string_view format;  // "bzImage", "PVH ELF", ...; a literal
  EntryState entry;
  std::vector<BootPiece> pieces;  // disjoint
  std::vector<std::vector<std::byte>> owned;
};

// Writes every piece. Fails with kInternal only when `memory` has less RAM than the plan's map.
[[nodiscard]] absl::Status WritePlan(const BootPlan& plan, hyperv::GuestMemory& memory);

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_BOOT_PLAN_H_
