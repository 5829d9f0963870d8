// Extended hypercalls and RetargetDeviceInterrupt: input and output blocks.
//
// Source: TLFS hypercalls/HvExtCallQueryCapabilities.md, HvExtCallGetBootZeroedMemory.md,
// HvCallRetargetDeviceInterrupt.md, virtual-mmu.md (extended GVA ranges). Immutable.
#ifndef HVKIT_HYPERV_TLFS_HYPERCALL_EXT_H_
#define HVKIT_HYPERV_TLFS_HYPERCALL_EXT_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "hyperv/tlfs/field.h"
#include "hyperv/tlfs/hypercall.h"

namespace hvkit::hyperv::tlfs {

// HvExtCallQueryCapabilities: bit n says that call 0x8002 + n is there.
struct ExtCapabilities {
  uint64_t raw = 0;
  using GetBootZeroedMemory = Field<0, 1>;
  using MemoryHeatHint = Field<1, 1>;
};

// HvExtCallGetBootZeroedMemory: `count`, then that many ranges.
inline constexpr size_t kMaxBootZeroedRanges = 255;
// Pages of 4 KiB.
struct BootZeroedRange {
  uint64_t first_page = 0;
  uint64_t page_count = 0;
};
// The fixed part of HvExtCallGetBootZeroedMemory's output.
struct BootZeroedMemoryOutput {
  uint64_t count = 0;
};

// One element of a flush list with FlushFlags::UseExtendedRangeFormat: pages of 4 KiB as GvaRange
// has them, or of 2 MiB or 1 GiB.
struct ExtendedGvaRange {
  uint64_t raw = 0;
  using AdditionalPages = Field<0, 11>;
  using LargePage = Field<11, 1>;
  using Page = Field<12, 52>;         // Of 4 KiB, without LargePage
  using PageSize1Gib = Field<12, 1>;  // The next three with LargePage
  using LargePageReserved = Field<13, 8>;
  using LargePageNumber = Field<21, 43>;
};

// HV_INTERRUPT_ENTRY.
struct InterruptEntry {
  static constexpr uint32_t kMsi = 1;
  static constexpr uint32_t kIoApic = 2;

  uint32_t source = 0;
  uint32_t reserved = 0;
  uint64_t entry = 0;  // Of an MSI: address in the low half, data in the high one
};

// HvCallRetargetDeviceInterrupt. With ProcessorSet the mask is the format of a VpSet, whose other
// words are the variable header.
struct RetargetFlags {
  uint32_t raw = 0;
  using Multicast = Field<0, 1>;
  using ProcessorSet = Field<1, 1>;
};
// The fixed part of HvCallRetargetDeviceInterrupt's input.
struct RetargetInterruptInput {
  uint64_t partition_id = 0;
  uint64_t device_id = 0;
  InterruptEntry entry;
  uint64_t reserved = 0;
  uint32_t vector = 0;
  RetargetFlags flags;
  uint64_t mask_or_format = 0;
};

static_assert(sizeof(BootZeroedRange) == 16 && sizeof(InterruptEntry) == 16);
static_assert(sizeof(BootZeroedMemoryOutput) + kMaxBootZeroedRanges * sizeof(BootZeroedRange) ==
              0xFF8);
static_assert(sizeof(RetargetInterruptInput) == 56);
static_assert(offsetof(RetargetInterruptInput, vector) == 40);
static_assert(std::has_unique_object_representations_v<RetargetInterruptInput>);

}  // namespace hvkit::hyperv::tlfs

#endif  // HVKIT_HYPERV_TLFS_HYPERCALL_EXT_H_
