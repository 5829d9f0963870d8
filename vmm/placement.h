// Hands out guest RAM to boot structures so that they stay clear of the image and of each other, of
// low memory that images use (below 64 KiB), and of the area from the EBDA up to 1 MiB, where the
// VGA hole and the ACPI tables are.
#ifndef HVKIT_VMM_PLACEMENT_H_
#define HVKIT_VMM_PLACEMENT_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "vmm/memory_map.h"

namespace hvkit::vmm {

// A range of guest-physical addresses; `end` is one past it.
struct Range {
  uint64_t start = 0;
  uint64_t end = 0;

  uint64_t size() const { return end - start; }
  bool Overlaps(const Range& other) const { return start < other.end && other.start < end; }
};

// Used by one loader while it makes one plan. Not thread-safe.
class Placement {
 public:
  enum class Refusal : uint8_t { kNone, kNotRam, kTaken };

  explicit Placement(const MemoryMap& map);

  // Takes an exact range for the image, anywhere in RAM; an empty one takes nothing.
  [[nodiscard]] Refusal Take(uint64_t start, uint64_t size);

  // The lowest free place below 1 MiB, otherwise the lowest free one in RAM below the PCI hole.
  // `alignment` is a power of two. Nothing when there is none.
  [[nodiscard]] std::optional<uint64_t> PlaceSmall(uint64_t size, uint64_t alignment);

  // The lowest free place at or above `floor` (and above 1 MiB), in RAM below the PCI hole.
  [[nodiscard]] std::optional<uint64_t> PlaceLow(uint64_t size, uint64_t alignment, uint64_t floor);

  // The highest free place above 1 MiB that ends at or below `limit`, in RAM below the PCI hole.
  [[nodiscard]] std::optional<uint64_t> PlaceHigh(uint64_t size, uint64_t alignment,
                                                  uint64_t limit);

 private:
  std::vector<Range> FreeIn(const Range& window) const;
  std::optional<uint64_t> PlaceLowest(const Range& window, uint64_t size, uint64_t alignment);
  void Insert(const Range& range);

  std::vector<Range> ram_;    // sorted
  std::vector<Range> taken_;  // sorted, disjoint
  uint64_t low_end_;
};

}  // namespace hvkit::vmm

#endif  // HVKIT_VMM_PLACEMENT_H_
