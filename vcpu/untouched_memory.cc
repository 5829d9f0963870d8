#include "vcpu/untouched_memory.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>

#include "hyperv/tlfs/msr.h"

namespace hvkit::vcpu {
namespace {

using hyperv::tlfs::BootZeroedRange;
using hyperv::tlfs::kPageSize;

// Of a file, in bytes.
struct Gap {
  uint64_t start;
  uint64_t end;
};

// The first gap at or after `from` and before `end`, cut off there. Nothing also where the file
// cannot tell.
std::optional<Gap> NextGap(int fd, uint64_t from, uint64_t end) {
  if (from >= end) return std::nullopt;
  const off_t start = ::lseek(fd, static_cast<off_t>(from), SEEK_HOLE);
  if (start < 0 || static_cast<uint64_t>(start) >= end) return std::nullopt;
  const off_t data = ::lseek(fd, start, SEEK_DATA);
  if (data < 0 && errno != ENXIO) return std::nullopt;  // ENXIO: a gap up to the end of the file
  const uint64_t stop = data < 0 ? end : std::min(static_cast<uint64_t>(data), end);
  return Gap{static_cast<uint64_t>(start), stop};
}

// The largest ranges that it has been given, as many as there is room for.
class Largest {
 public:
  explicit Largest(std::span<BootZeroedRange> room) : room_(room) {}

  void Add(const BootZeroedRange& range) {
    if (count_ == room_.size()) {
      if (count_ == 0 || !IsLarger(range, room_.front())) return;
      std::pop_heap(room_.begin(), room_.begin() + Count(), IsLarger);
      --count_;
    }
    room_[count_++] = range;
    std::push_heap(room_.begin(), room_.begin() + Count(), IsLarger);
  }

  // Largest first; returns how many there are.
  size_t Finish() {
    std::sort_heap(room_.begin(), room_.begin() + Count(), IsLarger);
    return count_;
  }

 private:
  static bool IsLarger(const BootZeroedRange& a, const BootZeroedRange& b) {
    return a.page_count > b.page_count;
  }
  std::ptrdiff_t Count() const { return static_cast<std::ptrdiff_t>(count_); }

  const std::span<BootZeroedRange> room_;  // a heap, the smallest in front
  size_t count_ = 0;
};

}  // namespace

size_t UntouchedMemory::Ranges(std::span<BootZeroedRange> ranges) const {
  Largest largest(ranges);
  size_t gaps = 0;
  for (const MemoryRegion& region : memory_.regions()) {
    const uint64_t end = region.file_offset + region.size;
    std::optional<Gap> gap = NextGap(memory_.fd(), region.file_offset, end);
    for (; gap.has_value() && gaps < kMaxGaps; ++gaps) {
      const uint64_t first = region.base.value() + (gap->start - region.file_offset);
      largest.Add(
          {.first_page = first / kPageSize, .page_count = (gap->end - gap->start) / kPageSize});
      gap = NextGap(memory_.fd(), gap->end, end);
    }
  }
  return largest.Finish();
}

}  // namespace hvkit::vcpu
