#include "hyperv/partition/partition_msrs.h"

#include "hyperv/msr/msr_table.h"
#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/msr.h"

namespace hvkit::hyperv {
namespace {

// HV_X64_MSR_RESET: the other bits are reserved.
constexpr uint64_t kResetBit = 1;

// HV_X64_MSR_CRASH_CTL reads as what the hypervisor can do.
constexpr uint64_t kCrashAbilities = *RowOf(MsrId::kCrashControl).reset;

HypercallLock LockOf(const Privileges& privileges) {
  const bool offered = privileges.Has(tlfs::bits::kHypercallMsrLock);
  return offered ? HypercallLock::kOffered : HypercallLock::kAbsent;
}

}  // namespace

PartitionMsrs::PartitionMsrs(const PartitionConfig& config, const PartitionHost& host,
                             const Privileges& privileges, OverlayMap& overlays)
    : clock_(host.clock),
      events_(host.events),
      tsc_frequency_hz_(config.tsc_frequency_hz),
      apic_frequency_hz_(config.apic_frequency_hz),
      has_syndbg_(host.syndbg != nullptr),
      hypercall_page_(overlays, config.hypercall_code, LockOf(privileges)),
      reference_tsc_(host.clock, overlays),
      crash_(host.memory, host.events),
      syndbg_(host.syndbg) {}

MsrRead PartitionMsrs::ReadTime(MsrId id) const {
  switch (id) {
    case MsrId::kTimeRefCount:
      return MsrRead::Handled(clock_.Now().ticks());
    case MsrId::kReferenceTsc:
      return MsrRead::Handled(reference_tsc_.Read());
    case MsrId::kTscFrequency:
      return MsrRead::Handled(tsc_frequency_hz_);
    case MsrId::kApicFrequency:
      return MsrRead::Handled(apic_frequency_hz_);
    default:
      return MsrRead::NotOurs();
  }
}

MsrRead PartitionMsrs::ReadControl(MsrId id) const {
  switch (id) {
    case MsrId::kGuestOsId:
      return MsrRead::Handled(hypercall_page_.guest_os_id());
    case MsrId::kHypercall:
      return MsrRead::Handled(hypercall_page_.hypercall());
    case MsrId::kReset:
    case MsrId::kTscEmulationStatus:
      return MsrRead::Handled(0);
    case MsrId::kReenlightenmentControl:
      return MsrRead::Handled(tsc_controls_.reenlightenment());
    case MsrId::kTscEmulationControl:
      return MsrRead::Handled(tsc_controls_.emulation());
    case MsrId::kTscInvariantControl:
      return MsrRead::Handled(tsc_controls_.invariant());
    default:
      return MsrRead::NotOurs();
  }
}

MsrOutcome PartitionMsrs::WriteControl(VpIndex by, MsrId id, uint64_t value) {
  switch (id) {
    case MsrId::kGuestOsId:
      hypercall_page_.WriteGuestOsId(value);
      return MsrOutcome::kHandled;
    case MsrId::kHypercall:
      return hypercall_page_.WriteHypercall(value);
    case MsrId::kReset:
      if (value == kResetBit) events_.OnReset(by);
      return MsrOutcome::kHandled;
    case MsrId::kReenlightenmentControl:
      tsc_controls_.set_reenlightenment(value);
      return MsrOutcome::kHandled;
    case MsrId::kTscEmulationControl:
      tsc_controls_.set_emulation(value);
      return MsrOutcome::kHandled;
    case MsrId::kTscEmulationStatus:
      return MsrOutcome::kHandled;
    case MsrId::kTscInvariantControl:
      return tsc_controls_.WriteInvariant(value);
    default:
      return MsrOutcome::kNotOurs;
  }
}

MsrOutcome PartitionMsrs::WriteTime(MsrId id, uint64_t value) {
  if (id != MsrId::kReferenceTsc) return MsrOutcome::kGeneralProtection;
  reference_tsc_.Write(value);
  return MsrOutcome::kHandled;
}

MsrRead PartitionMsrs::ReadCrash(MsrId id, unsigned instance) const {
  const bool is_control = id == MsrId::kCrashControl;
  return MsrRead::Handled(is_control ? kCrashAbilities : crash_.Read(instance));
}

MsrOutcome PartitionMsrs::WriteCrash(VpIndex by, const MsrAdmission& admission) {
  if (admission.id == MsrId::kCrashControl) {
    crash_.WriteControl(by, tlfs::CrashCtl{admission.value});
  } else {
    crash_.Write(admission.instance, admission.value);
  }
  return MsrOutcome::kHandled;
}

MsrRead PartitionMsrs::ReadSyndbg(MsrId id) const {
  return has_syndbg_ ? MsrRead::Handled(syndbg_.Read(id)) : MsrRead::Fault();
}

MsrOutcome PartitionMsrs::WriteSyndbg(VpIndex by, MsrId id, uint64_t value) {
  if (!has_syndbg_) return MsrOutcome::kGeneralProtection;
  syndbg_.Write(by, id, value);
  return MsrOutcome::kHandled;
}

void PartitionMsrs::Reset() {
  hypercall_page_.Reset();
  reference_tsc_.Reset();
  crash_.Reset();
  syndbg_.Reset();
  tsc_controls_.Reset();
}

}  // namespace hvkit::hyperv
