// The protocol by which the reference TSC page is written while guests read it.
//
// TLFS: timers.md "Partition Reference TSC Mechanism": the guest reads the sequence, the parameters
// and the sequence again, and starts anew if it changed. `Page` has the Store of OverlayPage. Calls
// are ordered by the owner of the page.
#ifndef HVKIT_HYPERV_REFERENCE_TIME_TSC_PUBLICATION_H_
#define HVKIT_HYPERV_REFERENCE_TIME_TSC_PUBLICATION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hyperv/host/reference_clock.h"
#include "hyperv/tlfs/pages.h"

namespace hvkit::hyperv {

// The sequence after this one: never 0, which means "invalid", nor 0xFFFFFFFF, which meant it in
// older versions of the specification.
[[nodiscard]] constexpr uint32_t NextTscSequence(uint32_t sequence) {
  constexpr uint32_t kOldInvalid = 0xFFFFFFFF;
  do {
    ++sequence;
  } while (sequence == tlfs::ReferenceTscPage::kSequenceInvalid || sequence == kOldInvalid);
  return sequence;
}

// Makes the page invalid.
template <typename Page>
void WithdrawTscParameters(Page& page) {
  page.template Store<uint32_t>(offsetof(tlfs::ReferenceTscPage, sequence),
                                tlfs::ReferenceTscPage::kSequenceInvalid,
                                std::memory_order_release);
}

// Invalid, then the parameters, then valid under `sequence`, a new one. Readers: the guest. Each
// store is a release, so that whoever sees one sees those before it.
template <typename Page>
void PublishTscParameters(Page& page, const TscParameters& parameters, uint32_t sequence) {
  constexpr auto kOrder = std::memory_order_release;
  WithdrawTscParameters(page);
  page.template Store<uint64_t>(offsetof(tlfs::ReferenceTscPage, scale), parameters.scale, kOrder);
  page.template Store<uint64_t>(offsetof(tlfs::ReferenceTscPage, offset), parameters.offset,
                                kOrder);
  page.template Store<uint32_t>(offsetof(tlfs::ReferenceTscPage, sequence), sequence, kOrder);
}

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_REFERENCE_TIME_TSC_PUBLICATION_H_
