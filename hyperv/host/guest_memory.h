// The guest's memory as the model sees it: bounded copies, and pinned pages for the few overlay
// pages that are shared with the guest word by word (message, event flag, assist, reference TSC and
// hypercall pages).
//
// There is no way from here to a pointer or span into guest RAM: a guest can change its RAM between
// any two accesses, so input is copied once and then judged. Which GPA has RAM is the
// implementation's business.
#ifndef HVKIT_HYPERV_HOST_GUEST_MEMORY_H_
#define HVKIT_HYPERV_HOST_GUEST_MEMORY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "hyperv/host/ids.h"
#include "hyperv/host/shared_bytes.h"
#include "hyperv/host/shared_word.h"

namespace hvkit::hyperv {

// Why an access to guest memory did not happen.
enum class [[nodiscard]] MemFault : uint8_t {
  kNone,
  kUnmapped,  // a byte of the range has no RAM, or the range wraps or straddles two separate
              // regions
  kReadOnly,  // the range is RAM that the guest itself cannot write
};

// What a page is pinned for.
enum class Access : uint8_t { kRead, kReadWrite };

// One guest page, held in place until this object is destroyed. Move-only; all accesses are atomic
// words or copies made of them, so different PinnedPages of one page may be used from different
// threads. Offsets and access kind are the caller's contract: a broken one traps rather than
// touching other memory. Thread-safe, apart from moving it.
class PinnedPage {
 public:
  // Called once, when the PinnedPage is destroyed, on the thread that destroys it.
  using Release = void (*)(void* context, Gpn page);

  // For implementations of GuestMemory: `bytes` is kPageSize long, page-aligned, and stays valid
  // until `release` (may be null) is called.
  PinnedPage(Gpn page, Access access, void* bytes, Release release = nullptr,
             void* context = nullptr)
      : page_(page),
        bytes_(static_cast<std::byte*>(bytes)),
        writable_(access == Access::kReadWrite ? bytes_ : nullptr),
        release_(release),
        context_(context) {}
  PinnedPage(PinnedPage&& other) noexcept
      : page_(other.page_),
        bytes_(std::exchange(other.bytes_, nullptr)),
        writable_(std::exchange(other.writable_, nullptr)),
        release_(std::exchange(other.release_, nullptr)),
        context_(other.context_) {}
  PinnedPage& operator=(PinnedPage&& other) noexcept {
    PinnedPage taken(std::move(other));
    std::swap(page_, taken.page_);
    std::swap(bytes_, taken.bytes_);
    std::swap(writable_, taken.writable_);
    std::swap(release_, taken.release_);
    std::swap(context_, taken.context_);
    return *this;
  }
  PinnedPage(const PinnedPage&) = delete;
  PinnedPage& operator=(const PinnedPage&) = delete;
  ~PinnedPage() {
    if (release_ != nullptr) release_(context_, page_);
  }

  Gpn page() const { return page_; }
  Access access() const { return writable_ != nullptr ? Access::kReadWrite : Access::kRead; }

  // The offset is in bytes and a multiple of sizeof(T).
  template <SharedWord T>
  [[nodiscard]] T Load(size_t offset, std::memory_order order = std::memory_order_acquire) const {
    return LoadShared<T>(Readable(offset, sizeof(T), sizeof(T)), order);
  }
  template <SharedWord T>
  void Store(size_t offset, T value, std::memory_order order = std::memory_order_release) {
    StoreShared<T>(Writable(offset, sizeof(T), sizeof(T)), value, order);
  }
  // Returns the value from before; sequentially consistent.
  template <SharedWord T>
  T FetchOr(size_t offset, T bits) {
    return FetchOrShared<T>(Writable(offset, sizeof(T), sizeof(T)), bits);
  }
  // On failure `expected` becomes the value found; sequentially consistent, never fails spuriously.
  template <SharedWord T>
  [[nodiscard]] bool CompareExchange(size_t offset, T& expected, T desired) {
    return CompareExchangeShared<T>(Writable(offset, sizeof(T), sizeof(T)), expected, desired);
  }

  // Copies in no particular order; a word that must be seen last is written afterwards with Store.
  void CopyOut(size_t offset, std::span<std::byte> to) const {
    CopyFromShared(to.data(), Readable(offset, to.size(), 1), to.size());
  }
  void CopyIn(size_t offset, std::span<const std::byte> from) {
    CopyToShared(Writable(offset, from.size(), 1), from.data(), from.size());
  }
  // Whether the kSharedLine bytes at the offset, a multiple of that, are the same in both pages.
  [[nodiscard]] bool LineEquals(size_t offset, const PinnedPage& other) const {
    return SharedLinesEqual(Readable(offset, kSharedLine, kSharedLine),
                            other.Readable(offset, kSharedLine, kSharedLine));
  }

 private:
  const std::byte* Readable(size_t offset, size_t size, size_t alignment) const {
    return At(bytes_, offset, size, alignment);
  }
  std::byte* Writable(size_t offset, size_t size, size_t alignment) const {
    return At(writable_, offset, size, alignment);
  }
  static std::byte* At(std::byte* bytes, size_t offset, size_t size, size_t alignment) {
    const bool inside = size <= kPageSize && offset <= kPageSize - size;
    if (bytes == nullptr || !inside || offset % alignment != 0) __builtin_trap();
    return bytes + offset;
  }

  Gpn page_;
  std::byte* bytes_;     // Null after a move
  std::byte* writable_;  // And where the page was pinned for reading
  Release release_;
  void* context_;
};

// What a VMM implements over its guest's RAM. All or nothing: a call that reports a fault has
// copied nothing. Empty spans succeed anywhere. Thread-safe, and safe against the guest's own
// accesses.
class GuestMemory {
 public:
  virtual ~GuestMemory() = default;

  // Copies between the guest's RAM and the host's, all of the range or nothing. It may cross pages.
  virtual MemFault Read(Gpa from, std::span<std::byte> to) const = 0;
  virtual MemFault Write(Gpa to, std::span<const std::byte> from) = 0;

  // Holds a page for word access; nothing when the page has no RAM or does not allow `access`.
  // The page must not outlive the memory.
  [[nodiscard]] virtual std::optional<PinnedPage> Pin(Gpn page, Access access) = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HOST_GUEST_MEMORY_H_
