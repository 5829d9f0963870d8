#include "hyperv/reference_time/reference_tsc_page.h"

#include <atomic>
#include <cstddef>
#include <optional>

#include "hyperv/overlay/overlay_kind.h"
#include "hyperv/tlfs/pages.h"

namespace hvkit::hyperv {
namespace {

constexpr size_t kSequence = offsetof(tlfs::ReferenceTscPage, sequence);
constexpr size_t kScale = offsetof(tlfs::ReferenceTscPage, scale);
constexpr size_t kOffset = offsetof(tlfs::ReferenceTscPage, offset);

constexpr uint32_t kOldInvalidSequence = 0xFFFFFFFF;

}  // namespace

ReferenceTscPage::ReferenceTscPage(const ReferenceClock& clock, OverlayMap& map, uint32_t sequence)
    : clock_(clock), overlay_(map, OverlayKind::kReferenceTsc), sequence_(sequence) {}

void ReferenceTscPage::Enable(Gpn page) {
  Republish();
  // Refused only where RAM is needed, and this kind needs none.
  static_assert(!NeedsRam(OverlayKind::kReferenceTsc));
  (void)overlay_.Enable(page);
}

// Readers: the guest, sequence first and once more at the end. Each store is a release, so that the
// stores before it are seen before it: invalid, then the parameters, then valid.
void ReferenceTscPage::Republish() {
  const std::optional<TscParameters> parameters = clock_.InvariantTsc();
  overlay_.Store<uint32_t>(kSequence, tlfs::ReferenceTscPage::kSequenceInvalid);
  if (!parameters.has_value()) return;
  sequence_ = NextTscSequence(sequence_);
  overlay_.Store<uint64_t>(kScale, parameters->scale);
  overlay_.Store<uint64_t>(kOffset, parameters->offset);
  overlay_.Store<uint32_t>(kSequence, sequence_);
}

uint32_t NextTscSequence(uint32_t sequence) {
  do {
    ++sequence;
  } while (sequence == tlfs::ReferenceTscPage::kSequenceInvalid || sequence == kOldInvalidSequence);
  return sequence;
}

}  // namespace hvkit::hyperv
