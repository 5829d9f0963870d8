// A Hyper-V partition as its guest sees it: the facade of the model.
//
// A VMM fills in a PartitionConfig and a PartitionHost, hands each MSR access of a guest to that
// VP's VirtualProcessor, and calls its Poll when the VpScheduler is asked for it. TLFS: all
// chapters that hyperv/msr, hyperv/synic, hyperv/stimer and hyperv/reference_time name. CPUID is
// built by hyperv/cpuid from the same set; hypercalls are not here.
#ifndef HVKIT_HYPERV_PARTITION_PARTITION_H_
#define HVKIT_HYPERV_PARTITION_PARTITION_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "hyperv/host/ids.h"
#include "hyperv/msr/msr_gate.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/partition/hypercall_page.h"
#include "hyperv/partition/partition_config.h"
#include "hyperv/partition/partition_msrs.h"
#include "hyperv/partition/tsc_controls.h"
#include "hyperv/partition/virtual_processor.h"

namespace hvkit::hyperv {

// Thread-safe, save Reset; each VirtualProcessor belongs to its VP's thread.
class Partition {
 public:
  // Makes config.vp_count VPs, with indices from 0 on.
  Partition(const PartitionConfig& config, const PartitionHost& host);

  uint32_t vp_count() const { return vp_count_; }
  // Null if there is no such VP.
  VirtualProcessor* FindVp(VpIndex vp) {
    return vp.value() < vp_count_ ? &*vps_[vp.value()] : nullptr;
  }

  const Privileges& privileges() const { return privileges_; }
  // Where the guest has put the hypercall page, if it has.
  const HypercallPage& hypercall_page() const { return shared_.hypercall_page(); }
  // What the guest has asked for; the host acts on it.
  const TscControls& tsc_controls() const { return shared_.tsc_controls(); }

  // To be called after ReferenceClock::InvariantTsc has changed.
  void RepublishReferenceTsc() { shared_.RepublishReferenceTsc(); }

  // System reset: every register of the partition and of its VPs; overlays go, and what they
  // covered is back. VP indices stay, reference time goes on. While no VP runs.
  void Reset();

 private:
  const Privileges privileges_;
  const MsrGate gate_;
  OverlayMap overlays_;
  PartitionMsrs shared_;
  const uint32_t vp_count_;
  // One array, so that a scan over all VPs finds them where the processor looks ahead.
  const std::unique_ptr<std::optional<VirtualProcessor>[]> vps_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_PARTITION_H_
