#include "hyperv/partition/assist_page.h"

#include <optional>

namespace hvkit::hyperv {

AssistPage::AssistPage(OverlayMap& overlays, VpIndex vp, EoiAssist* eoi_assist,
                       VpScheduler& scheduler)
    : vp_(vp), eoi_assist_(eoi_assist), page_(overlays, OverlayKind::kVpAssist, vp, &scheduler) {}

void AssistPage::Write(uint64_t value) {
  value_.raw = value;
  if (IsEnabled()) {
    // Enabled without RAM too: the TLFS has such a page, and the guest cannot see it.
    (void)page_.Enable(Page());
    page_.Store<uint32_t>(kWord, 0);
  } else {
    page_.Disable();
  }
  TellHost();
}

void AssistPage::Reset() {
  page_.Zero();
  Write(0);
}

void AssistPage::TellHost() {
  told_visible_ = page_.IsVisible();
  if (eoi_assist_ == nullptr) return;
  eoi_assist_->SetAssistPage(vp_, told_visible_ ? std::optional(Page()) : std::nullopt);
}

}  // namespace hvkit::hyperv
