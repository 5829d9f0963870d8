// One virtual processor of a partition: the way in for its guest's MSR accesses, and for its turns.
//
// TLFS: as hyperv/msr/msr_table.h, which says which part of the model each MSR belongs to. General
// registers, hypercalls and the run loop are not here.
#ifndef HVKIT_HYPERV_PARTITION_VIRTUAL_PROCESSOR_H_
#define HVKIT_HYPERV_PARTITION_VIRTUAL_PROCESSOR_H_

#include <cstdint>

#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/msr/msr_gate.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/partition/assist_page.h"
#include "hyperv/partition/partition_config.h"
#include "hyperv/partition/partition_msrs.h"
#include "hyperv/partition/turn_requests.h"
#include "hyperv/stimer/synthetic_timers.h"
#include "hyperv/synic/synic.h"

namespace hvkit::hyperv {

// VP thread, save what Synic says of itself. Made by Partition, which outlives it.
class VirtualProcessor {
 public:
  // What a VP has of its partition.
  struct Surroundings {
    const PartitionConfig& config;
    const PartitionHost& host;
    const Privileges& privileges;
    const MsrGate& gate;  // Outlives the VP
    PartitionMsrs& shared;
    OverlayMap& overlays;
  };

  VirtualProcessor(VpIndex index, const Surroundings& partition);
  VirtualProcessor(const VirtualProcessor&) = delete;
  VirtualProcessor& operator=(const VirtualProcessor&) = delete;

  VpIndex index() const { return index_; }

  // The guest's RDMSR and WRMSR of any MSR.
  MsrRead ReadMsr(uint32_t index);
  MsrOutcome WriteMsr(uint32_t index, uint64_t value);

  // The turn that VpScheduler asks for: delivers messages from other threads, fires due timers,
  // tells the host if another overlay has hidden or uncovered the assist page.
  void Poll(RefTime now) {
    if (turns_.Take(now)) DoTurn(now);
  }

  // The guest has ended the interrupt `vector`; for hosts that see EOIs.
  void OnEoi(Vector vector) { synic_.OnEoi(vector); }

  // As INIT and RESET leave the VP's own registers.
  void Reset();

  // The parts of the VP, for the host's own use: ports and connections, EOIs without exits.
  Synic& synic() { return synic_; }
  SyntheticTimers& timers() { return timers_; }
  AssistPage& assist_page() { return assist_page_; }

 private:
  void DoTurn(RefTime now);
  MsrRead ReadVp(MsrId id) const;
  MsrRead ReadApic(MsrId id) const;
  MsrOutcome WriteApic(MsrId id, uint64_t value) const;

  alignas(64) TurnRequests turns_;
  const VpIndex index_;
  const MsrGate& gate_;
  PartitionMsrs& shared_;
  VpRuntime* const runtime_;
  GuestIdle* const idle_;
  ApicRegisters* const apic_;
  SyntheticTimers timers_;
  Synic synic_;
  AssistPage assist_page_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_VIRTUAL_PROCESSOR_H_
