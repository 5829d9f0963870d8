#include "hyperv/reference_time/reference_tsc_page.h"

#include <optional>

#include "hyperv/overlay/overlay_kind.h"
#include "hyperv/reference_time/tsc_publication.h"

namespace hvkit::hyperv {

ReferenceTscPage::ReferenceTscPage(const ReferenceClock& clock, OverlayMap& map, uint32_t sequence)
    : clock_(clock), overlay_(map, OverlayKind::kReferenceTsc), sequence_(sequence) {}

void ReferenceTscPage::Enable(Gpn page) {
  Republish();
  // Refused only where RAM is needed, and this kind needs none.
  static_assert(!NeedsRam(OverlayKind::kReferenceTsc));
  (void)overlay_.Enable(page);
}

void ReferenceTscPage::Republish() {
  const std::optional<TscParameters> parameters = clock_.InvariantTsc();
  if (!parameters.has_value()) {
    WithdrawTscParameters(overlay_);
    return;
  }
  sequence_ = NextTscSequence(sequence_);
  PublishTscParameters(overlay_, *parameters, sequence_);
}

}  // namespace hvkit::hyperv
