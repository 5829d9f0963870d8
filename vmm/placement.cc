#include "vmm/placement.h"

#include <algorithm>

namespace hvkit::vmm {
namespace {

constexpr Range kSmallWindow = {0x10000, 0x9f000};

// `value` rounded up, or nothing when that is past the last address.
std::optional<uint64_t> AlignUp(uint64_t value, uint64_t alignment) {
  if (value > UINT64_MAX - (alignment - 1)) return std::nullopt;
  return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace

Placement::Placement(const MemoryMap& map) : low_end_(LowMemoryEnd(map)) {
  for (const MemoryRegion& region : map) {
    if (region.type == RegionType::kRam) ram_.push_back({region.start, region.end()});
  }
}

Placement::Refusal Placement::Take(uint64_t start, uint64_t size) {
  if (size == 0) return Refusal::kNone;
  if (size > UINT64_MAX - start) return Refusal::kNotRam;
  const Range wanted = {start, start + size};
  const auto holds = [&](const Range& ram) { return ram.start <= start && wanted.end <= ram.end; };
  if (std::none_of(ram_.begin(), ram_.end(), holds)) return Refusal::kNotRam;
  const auto collides = [&](const Range& other) { return wanted.Overlaps(other); };
  if (std::any_of(taken_.begin(), taken_.end(), collides)) return Refusal::kTaken;
  Insert(wanted);
  return Refusal::kNone;
}

std::optional<uint64_t> Placement::PlaceSmall(uint64_t size, uint64_t alignment) {
  const std::optional<uint64_t> low = PlaceLowest(kSmallWindow, size, alignment);
  return low.has_value() ? low : PlaceLow(size, alignment, kHighRamStart);
}

std::optional<uint64_t> Placement::PlaceLow(uint64_t size, uint64_t alignment, uint64_t floor) {
  return PlaceLowest({std::max(floor, kHighRamStart), low_end_}, size, alignment);
}

std::optional<uint64_t> Placement::PlaceHigh(uint64_t size, uint64_t alignment, uint64_t limit) {
  const std::vector<Range> free = FreeIn({kHighRamStart, std::min(limit, low_end_)});
  for (auto range = free.rbegin(); range != free.rend(); ++range) {
    if (range->size() < size) continue;
    const uint64_t start = (range->end - size) & ~(alignment - 1);
    if (start < range->start) continue;
    Insert({start, start + size});
    return start;
  }
  return std::nullopt;
}

std::optional<uint64_t> Placement::PlaceLowest(const Range& window, uint64_t size,
                                               uint64_t alignment) {
  for (const Range& range : FreeIn(window)) {
    const std::optional<uint64_t> start = AlignUp(range.start, alignment);
    if (!start.has_value() || *start > range.end || range.end - *start < size) continue;
    Insert({*start, *start + size});
    return start;
  }
  return std::nullopt;
}

std::vector<Range> Placement::FreeIn(const Range& window) const {
  std::vector<Range> free;
  for (const Range& ram : ram_) {
    uint64_t cursor = std::max(ram.start, window.start);
    const uint64_t end = std::min(ram.end, window.end);
    for (const Range& taken : taken_) {
      if (cursor < end && taken.start < end && taken.end > cursor) {
        if (taken.start > cursor) free.push_back({cursor, taken.start});
        cursor = taken.end;
      }
    }
    if (cursor < end) free.push_back({cursor, end});
  }
  return free;
}

void Placement::Insert(const Range& range) {
  if (range.size() == 0) return;
  const auto after = [](const Range& a, const Range& b) { return a.start < b.start; };
  taken_.insert(std::upper_bound(taken_.begin(), taken_.end(), range, after), range);
}

}  // namespace hvkit::vmm
