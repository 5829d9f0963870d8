// Overlay pages: pages of the hypervisor's that cover a page of guest memory while they are
// enabled, and give back what the guest had there when they go.
//
// TLFS: the registers named in overlay_kind.h; inter-partition-communication.md leaves open what
// overlapping overlays do. An overlay is shown by exchanging, word by word and atomically, the
// bytes of the guest's page with those of the overlay's buffer, and taken away by exchanging them
// again. So a store of the guest's lands below or in the overlay, never nowhere, and no memory slot
// changes. Accesses that the TLFS forbids (stores to the hypercall page) are not caught: the owner
// writes its contents anew when it enables the page.
#ifndef HVKIT_HYPERV_OVERLAY_OVERLAY_PAGE_H_
#define HVKIT_HYPERV_OVERLAY_OVERLAY_PAGE_H_

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/host/shared_bytes.h"
#include "hyperv/host/vp_scheduler.h"
#include "hyperv/overlay/overlay_kind.h"

namespace hvkit::hyperv {

class OverlayPage;

// Which overlay each page of one partition shows. It outlives the overlays. Thread-safe.
class OverlayMap {
 public:
  explicit OverlayMap(GuestMemory& memory) : memory_(memory) {}
  OverlayMap(const OverlayMap&) = delete;
  OverlayMap& operator=(const OverlayMap&) = delete;

 private:
  friend class OverlayPage;

  // In order of pages, then of precedence.
  struct Entry {
    Gpn page;
    OverlayKind kind;
    VpIndex vp;
    OverlayPage* overlay;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };

  // The overlay that the guest sees at `page`, or null.
  OverlayPage* FirstLocked(Gpn page) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  GuestMemory& memory_;
  mutable absl::Mutex mutex_;
  std::set<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // As many as there are overlays at most
};

// Where an overlay's contents are.
enum class OverlayState : uint8_t {
  kDisabled,
  kVisible,  // The guest sees it
  kHidden,   // Another overlay covers it
  kNoRam,    // Enabled where the guest has no writable RAM: not accessible to the guest
};

// One overlay page. Its contents start as zeros, are its own in every state, and follow it from
// page to page; one that the guest cannot see keeps them in its buffer. Enable, Disable,
// destruction and the accesses are ordered by the owner: the VP's thread, or the owner's lock.
// Other overlays of the map may be enabled and disabled on other threads at the same time. At the
// moment when one of them hides or uncovers this one, a store may be lost, and an access may see or
// change what else that page of the guest's shows just then: the other overlay, or what is below.
// Only a guest that lets overlays overlap has such moments.
class OverlayPage {
 public:
  // `vp` matters for precedence: pages of the whole partition leave it out. `told`, which may be
  // null, gets a Kick of the VP when another overlay has hidden or uncovered this one.
  OverlayPage(OverlayMap& map, OverlayKind kind, VpIndex vp = VpIndex(0),
              VpScheduler* told = nullptr);
  ~OverlayPage() { Disable(); }
  OverlayPage(const OverlayPage&) = delete;
  OverlayPage& operator=(const OverlayPage&) = delete;

  // Puts the overlay at `page`, wherever it was before. False, and then nothing has changed, if it
  // needs RAM (NeedsRam) and there is none.
  [[nodiscard]] bool Enable(Gpn page);
  // Gives the page back to the guest. The contents stay.
  void Disable();

  OverlayState state() const;
  // Whether the state is kVisible. Any thread.
  bool IsVisible() const { return &contents() != &buffer_; }

  // Accesses to the contents, as those of PinnedPage.
  template <SharedWord T>
  [[nodiscard]] T Load(size_t offset, std::memory_order order = std::memory_order_acquire) const {
    return contents().Load<T>(offset, order);
  }
  template <SharedWord T>
  void Store(size_t offset, T value, std::memory_order order = std::memory_order_release) {
    contents().Store<T>(offset, value, order);
  }
  template <SharedWord T>
  T FetchOr(size_t offset, T bits) {
    return contents().FetchOr<T>(offset, bits);
  }
  template <SharedWord T>
  [[nodiscard]] bool CompareExchange(size_t offset, T& expected, T desired) {
    return contents().CompareExchange<T>(offset, expected, desired);
  }
  void CopyOut(size_t offset, std::span<std::byte> to) const { contents().CopyOut(offset, to); }
  void CopyIn(size_t offset, std::span<const std::byte> from) { contents().CopyIn(offset, from); }
  // Makes the contents zeros.
  void Zero();
  // What holds the contents now, for several accesses in a row.
  PinnedPage& Now() { return contents(); }

 private:
  friend class OverlayMap;

  struct alignas(kPageSize) Buffer {
    std::byte bytes[kPageSize] = {};
  };

  PinnedPage& contents() const { return *contents_.load(std::memory_order_acquire); }
  void PlaceLocked(Gpn page, std::optional<PinnedPage> ram)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(map_.mutex_);
  void RemoveLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(map_.mutex_);
  // Each exchanges the guest's bytes and the buffer's; the map's mutex is held.
  void CoverLocked();
  void UncoverLocked();
  void TellLocked() const {
    if (told_ != nullptr) told_->Kick(vp_);
  }

  OverlayMap& map_;
  const OverlayKind kind_;
  const VpIndex vp_;
  VpScheduler* const told_;
  const std::unique_ptr<Buffer> storage_;
  PinnedPage buffer_;  // While the overlay is visible it holds what is below, else the contents
  // Held as long as the overlay is enabled, hidden or not: an access through a pointer that is just
  // being replaced finds it pinned.
  std::optional<PinnedPage> ram_ ABSL_GUARDED_BY(map_.mutex_);
  std::optional<Gpn> page_ ABSL_GUARDED_BY(map_.mutex_);
  std::atomic<PinnedPage*> contents_;  // buffer_, or while visible ram_
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_OVERLAY_OVERLAY_PAGE_H_
