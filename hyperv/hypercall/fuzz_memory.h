// Guest memory for the dispatcher's fuzz target: a few pages in one array, which can be compared as
// a whole. Copies are plain ones, as only one thread uses it.
#ifndef HVKIT_HYPERV_HYPERCALL_FUZZ_MEMORY_H_
#define HVKIT_HYPERV_HYPERCALL_FUZZ_MEMORY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"

namespace hvkit::hyperv {

// RAM from address 0 on, one page of which the guest cannot write. Not thread-safe.
class FuzzMemory final : public GuestMemory {
 public:
  static constexpr size_t kPages = 7;
  static constexpr size_t kReadOnlyPage = 4;
  using Bytes = std::array<std::byte, kPages * kPageSize>;

  const Bytes& bytes() const { return bytes_; }
  int pinned() const { return pinned_; }

  MemFault Read(Gpa from, std::span<std::byte> to) const override {
    if (to.empty()) return MemFault::kNone;
    const MemFault fault = Check(from, to.size(), Access::kRead);
    if (fault == MemFault::kNone) std::memcpy(to.data(), &bytes_[from.value()], to.size());
    return fault;
  }
  MemFault Write(Gpa to, std::span<const std::byte> from) override {
    if (from.empty()) return MemFault::kNone;
    const MemFault fault = Check(to, from.size(), Access::kReadWrite);
    if (fault == MemFault::kNone) std::memcpy(&bytes_[to.value()], from.data(), from.size());
    return fault;
  }
  [[nodiscard]] std::optional<PinnedPage> Pin(Gpn page, Access access) override {
    const Gpa start = page.FirstByte();
    if (Check(start, kPageSize, access) != MemFault::kNone) return std::nullopt;
    ++pinned_;
    const auto unpin = [](void* self, Gpn) { --static_cast<FuzzMemory*>(self)->pinned_; };
    return PinnedPage(page, access, &bytes_[start.value()], unpin, this);
  }

 private:
  static MemFault Check(Gpa start, size_t size, Access access) {
    if (start.value() >= sizeof(Bytes) || size > sizeof(Bytes) - start.value()) {
      return MemFault::kUnmapped;
    }
    if (access == Access::kRead) return MemFault::kNone;
    const bool writable = start.value() >= (kReadOnlyPage + 1) * kPageSize ||
                          start.value() + size <= kReadOnlyPage * kPageSize;
    return writable ? MemFault::kNone : MemFault::kReadOnly;
  }

  alignas(kPageSize) Bytes bytes_{};
  int pinned_ = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_FUZZ_MEMORY_H_
