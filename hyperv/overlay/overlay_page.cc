#include "hyperv/overlay/overlay_page.h"

#include <utility>

#include "hyperv/overlay/page_exchange.h"

namespace hvkit::hyperv {

OverlayPage* OverlayMap::FirstLocked(Gpn page) const {
  const auto first = entries_.lower_bound({page, OverlayKind::kHypercall, VpIndex(0), nullptr});
  return first != entries_.end() && first->page == page ? first->overlay : nullptr;
}

OverlayPage::OverlayPage(OverlayMap& map, OverlayKind kind, VpIndex vp, VpScheduler* told)
    : map_(map),
      kind_(kind),
      vp_(vp),
      told_(told),
      storage_(std::make_unique<Buffer>()),
      buffer_(Gpn::Containing(Gpa(0)), Access::kReadWrite, storage_->bytes),
      contents_(&buffer_) {}

bool OverlayPage::Enable(Gpn page) {
  std::optional<PinnedPage> ram = map_.memory_.Pin(page, Access::kReadWrite);
  if (!ram.has_value() && NeedsRam(kind_)) return false;
  const absl::MutexLock lock(&map_.mutex_);
  const bool is_there = page_ == page && ram_.has_value() == ram.has_value();
  if (is_there) return true;
  RemoveLocked();
  PlaceLocked(page, std::move(ram));
  return true;
}

void OverlayPage::Disable() {
  const absl::MutexLock lock(&map_.mutex_);
  RemoveLocked();
}

void OverlayPage::PlaceLocked(Gpn page, std::optional<PinnedPage> ram) {
  page_ = page;
  ram_ = std::move(ram);
  if (!ram_.has_value()) return;
  OverlayPage* const shown = map_.FirstLocked(page);
  map_.entries_.insert({page, kind_, vp_, this});
  if (map_.FirstLocked(page) != this) return;
  if (shown != nullptr) shown->UncoverLocked();
  CoverLocked();
  if (shown != nullptr) shown->TellLocked();
}

void OverlayPage::RemoveLocked() {
  if (!page_.has_value()) return;
  map_.entries_.erase({*page_, kind_, vp_, this});
  if (IsVisible()) {
    UncoverLocked();
    if (OverlayPage* const next = map_.FirstLocked(*page_); next != nullptr) {
      next->CoverLocked();
      next->TellLocked();
    }
  }
  ram_.reset();
  page_.reset();
}

OverlayState OverlayPage::state() const {
  const absl::MutexLock lock(&map_.mutex_);
  if (!page_.has_value()) return OverlayState::kDisabled;
  if (!ram_.has_value()) return OverlayState::kNoRam;
  return IsVisible() ? OverlayState::kVisible : OverlayState::kHidden;
}

void OverlayPage::Zero() {
  for (size_t offset = 0; offset < kPageSize; offset += sizeof(uint64_t))
    Store<uint64_t>(offset, 0);
}

void OverlayPage::CoverLocked() {
  map_.mutex_.AssertHeld();
  internal::ExchangePages(*ram_, buffer_);
  contents_.store(&*ram_, std::memory_order_release);
}

void OverlayPage::UncoverLocked() {
  map_.mutex_.AssertHeld();
  contents_.store(&buffer_, std::memory_order_release);
  internal::ExchangePages(*ram_, buffer_);
}

}  // namespace hvkit::hyperv
