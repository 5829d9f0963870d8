#include "devices/io_bus.h"

#include <algorithm>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"

namespace hvkit::devices {
namespace {

std::string Describe(const IoDevice& device, uint64_t base, uint64_t last) {
  return absl::StrCat(device.Name(), " at 0x", absl::Hex(base), "..0x", absl::Hex(last));
}

}  // namespace

absl::Status IoBus::Add(uint64_t base, uint64_t length, IoDevice& device) {
  if (length == 0 || length - 1 > std::numeric_limits<uint64_t>::max() - base) {
    return absl::InvalidArgumentError(absl::StrCat("adding ", device.Name(), " to the I/O bus: 0x",
                                                   absl::Hex(length), " bytes at 0x",
                                                   absl::Hex(base), " is not a range"));
  }
  const uint64_t last = base + (length - 1);
  // The first range that ends at or after the new one's start is the only candidate for the
  // lowest overlap, since ranges are sorted and disjoint.
  const auto next = std::lower_bound(ranges_.begin(), ranges_.end(), base,
                                     [](const Range& r, uint64_t start) { return r.last < start; });
  if (next != ranges_.end() && next->base <= last) {
    return absl::AlreadyExistsError(absl::StrCat("adding ", Describe(device, base, last),
                                                 " to the I/O bus: overlaps ",
                                                 Describe(*next->device, next->base, next->last)));
  }
  ranges_.insert(next, Range{.base = base, .last = last, .device = &device});
  return absl::OkStatus();
}

bool IoBus::Read(uint64_t addr, std::span<std::byte> data) const {
  const Range* range = Find(addr, data.size());
  if (range == nullptr) {
    std::fill(data.begin(), data.end(), std::byte{0xff});
    return false;
  }
  range->device->Read(addr - range->base, data);
  return true;
}

bool IoBus::Write(uint64_t addr, std::span<const std::byte> data) const {
  const Range* range = Find(addr, data.size());
  if (range == nullptr) return false;
  range->device->Write(addr - range->base, data);
  return true;
}

const IoBus::Range* IoBus::Find(uint64_t addr, uint64_t size) const {
  const auto range =
      std::lower_bound(ranges_.begin(), ranges_.end(), addr,
                       [](const Range& r, uint64_t wanted) { return r.last < wanted; });
  if (range == ranges_.end() || range->base > addr) return nullptr;
  // addr <= last here, so last - addr cannot wrap where addr + size could.
  if (size == 0 || size - 1 > range->last - addr) return nullptr;
  return &*range;
}

}  // namespace hvkit::devices
