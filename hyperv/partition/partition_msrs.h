// The MSRs that all virtual processors of a partition share.
//
// TLFS: as hyperv/msr/msr_table.h, the rows whose owner is the partition, the time, the crash or
// the debugger. Whether a guest may make the access has been decided before (MsrGate).
#ifndef HVKIT_HYPERV_PARTITION_PARTITION_MSRS_H_
#define HVKIT_HYPERV_PARTITION_PARTITION_MSRS_H_

#include <cstdint>

#include "hyperv/host/ids.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/msr/msr_gate.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/overlay/overlay_page.h"
#include "hyperv/partition/crash_registers.h"
#include "hyperv/partition/hypercall_page.h"
#include "hyperv/partition/partition_config.h"
#include "hyperv/partition/partition_events.h"
#include "hyperv/partition/reference_tsc_msr.h"
#include "hyperv/partition/syndbg_msrs.h"
#include "hyperv/partition/tsc_controls.h"

namespace hvkit::hyperv {

// Thread-safe.
class PartitionMsrs {
 public:
  PartitionMsrs(const PartitionConfig& config, const PartitionHost& host,
                const Privileges& privileges, OverlayMap& overlays);

  // Admitted accesses, by MsrOwner: kTime, kPartition, kCrash, kSyndbg.
  MsrRead ReadTime(MsrId id) const;
  MsrOutcome WriteTime(MsrId id, uint64_t value);
  MsrRead ReadControl(MsrId id) const;
  MsrOutcome WriteControl(VpIndex by, MsrId id, uint64_t value);
  MsrRead ReadCrash(MsrId id, unsigned instance) const;
  MsrOutcome WriteCrash(VpIndex by, const MsrAdmission& admission);
  MsrRead ReadSyndbg(MsrId id) const;
  MsrOutcome WriteSyndbg(VpIndex by, MsrId id, uint64_t value);

  // As at the partition's creation; reference time goes on.
  void Reset();

  const HypercallPage& hypercall_page() const { return hypercall_page_; }
  const TscControls& tsc_controls() const { return tsc_controls_; }
  // As Partition::RepublishReferenceTsc.
  void RepublishReferenceTsc() { reference_tsc_.Republish(); }

 private:
  const ReferenceClock& clock_;
  PartitionEvents& events_;
  const uint64_t tsc_frequency_hz_;
  const uint64_t apic_frequency_hz_;
  const bool has_syndbg_;
  HypercallPage hypercall_page_;
  ReferenceTscMsr reference_tsc_;
  CrashRegisters crash_;
  SyndbgMsrs syndbg_;
  TscControls tsc_controls_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_PARTITION_MSRS_H_
