// The VP assist page, and EOIs without exits through its first word.
//
// TLFS: vp-properties.md "Virtual Processor Assist Page", virtual-interrupts.md "EOI Assist". The
// host decides when an interrupt needs no EOI: it is the only one in service, edge-triggered, and
// none is pending below it. The page's fields for nested hypervisors and for virtual trust levels
// are the guest's: nothing here reads them.
#ifndef HVKIT_HYPERV_PARTITION_ASSIST_PAGE_H_
#define HVKIT_HYPERV_PARTITION_ASSIST_PAGE_H_

#include <cstddef>
#include <cstdint>

#include "hyperv/host/ids.h"
#include "hyperv/host/vp_scheduler.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/partition/host_hooks.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/pages.h"

namespace hvkit::hyperv {

// HV_X64_MSR_VP_ASSIST_PAGE. VP thread, while its guest does not run.
class AssistPage {
 public:
  // The hook may be null. The scheduler is asked for a turn when another overlay hides or uncovers
  // the page.
  AssistPage(OverlayMap& overlays, VpIndex vp, EoiAssist* eoi_assist, VpScheduler& scheduler);

  // The register, as last written.
  uint64_t Read() const { return value_.raw; }
  // Enabling the page clears its APIC assist word.
  void Write(uint64_t value);
  void Reset();
  // The VP's turn: tells the host if the guest has come to see the page, or sees it no more.
  void Poll() {
    if (page_.IsVisible() != told_visible_) TellHost();
  }

  // Tells the guest that its next EOI is not required; false if there is no page to tell it by.
  [[nodiscard]] bool SetNoEoiRequired() {
    if (!IsEnabled()) return false;
    page_.Store(kWord, Word() | kNoEoiRequired, std::memory_order_relaxed);
    return true;
  }
  // Takes that back, after SetNoEoiRequired said true. True if the guest has used it: the interrupt
  // has ended, without an EOI.
  [[nodiscard]] bool ClearNoEoiRequired() {
    if (!IsEnabled()) return false;
    const uint32_t word = Word();
    page_.Store(kWord, word & ~kNoEoiRequired, std::memory_order_relaxed);
    return (word & kNoEoiRequired) == 0;
  }

 private:
  static constexpr uint32_t kNoEoiRequired{tlfs::ApicAssist::NoEoiRequired::kMask};
  static constexpr size_t kWord = offsetof(tlfs::VpAssistPage, apic_assist);

  bool IsEnabled() const { return tlfs::VpAssist::Enable::Get(value_) != 0; }
  Gpn Page() const { return Gpn::Containing(Gpa(value_.raw)); }
  uint32_t Word() const { return page_.Load<uint32_t>(kWord, std::memory_order_relaxed); }
  void TellHost();

  const VpIndex vp_;
  EoiAssist* const eoi_assist_;
  tlfs::VpAssist value_;
  bool told_visible_ = false;
  OverlayPage page_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_ASSIST_PAGE_H_
