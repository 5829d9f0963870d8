#include "hyperv/partition/virtual_processor.h"

#include "hyperv/msr/msr_row.h"
#include "hyperv/tlfs/cpuid.h"

namespace hvkit::hyperv {
namespace {

SynicConfig SynicConfigOf(VpIndex vp, const VirtualProcessor::Surroundings& partition) {
  const bool polling = partition.privileges.Has(tlfs::bits::kSintPolling);
  return {.vp = vp,
          .polling = polling ? SintPolling::kOffered : SintPolling::kAbsent,
          .policy = partition.config.policy.synic};
}

SyntheticTimersConfig TimersConfigOf(VpIndex vp, const VirtualProcessor::Surroundings& partition) {
  const bool direct = partition.privileges.Has(tlfs::bits::kDirectStimer);
  return {.vp = vp,
          .direct_mode = direct ? DirectMode::kOffered : DirectMode::kAbsent,
          .policy = partition.config.policy.stimer};
}

}  // namespace

VirtualProcessor::VirtualProcessor(VpIndex index, const Surroundings& partition)
    : turns_(partition.host.scheduler),
      index_(index),
      gate_(partition.gate),
      shared_(partition.shared),
      runtime_(partition.host.runtime),
      idle_(partition.host.idle),
      apic_(partition.host.apic),
      timers_(TimersConfigOf(index, partition), partition.host.clock, synic_,
              partition.host.interrupts, turns_),
      synic_(SynicConfigOf(index, partition), partition.overlays, partition.host.interrupts,
             turns_),
      assist_page_(partition.overlays, index, partition.host.eoi_assist, turns_) {
  synic_.SetSlotWaiter(&timers_);
}

MsrRead VirtualProcessor::ReadMsr(uint32_t index) {
  const MsrAdmission admission = gate_.AdmitRead(index);
  if (admission.outcome != MsrOutcome::kHandled) return {.outcome = admission.outcome};
  switch (admission.owner) {
    case MsrOwner::kSynic:
      return synic_.ReadMsr(index);
    case MsrOwner::kStimer:
      return timers_.ReadMsr(index);
    case MsrOwner::kVp:
      return ReadVp(admission.id);
    case MsrOwner::kApic:
      return ReadApic(admission.id);
    case MsrOwner::kVpAssist:
      return MsrRead::Handled(assist_page_.Read());
    case MsrOwner::kTime:
      return shared_.ReadTime(admission.id);
    case MsrOwner::kPartition:
      return shared_.ReadControl(admission.id);
    case MsrOwner::kCrash:
      return shared_.ReadCrash(admission.id, admission.instance);
    case MsrOwner::kSyndbg:
      return shared_.ReadSyndbg(admission.id);
    case MsrOwner::kNobody:
      break;
  }
  return MsrRead::NotOurs();
}

MsrOutcome VirtualProcessor::WriteMsr(uint32_t index, uint64_t value) {
  const MsrAdmission admission = gate_.AdmitWrite(index, value);
  if (admission.outcome != MsrOutcome::kHandled) return admission.outcome;
  switch (admission.owner) {
    case MsrOwner::kSynic:
      return synic_.WriteMsr(index, admission.value);
    case MsrOwner::kStimer:
      return timers_.WriteMsr(index, admission.value);
    case MsrOwner::kApic:
      return WriteApic(admission.id, admission.value);
    case MsrOwner::kVpAssist:
      assist_page_.Write(admission.value);
      return MsrOutcome::kHandled;
    case MsrOwner::kTime:
      return shared_.WriteTime(admission.id, admission.value);
    case MsrOwner::kPartition:
      return shared_.WriteControl(index_, admission.id, admission.value);
    case MsrOwner::kCrash:
      return shared_.WriteCrash(index_, admission);
    case MsrOwner::kSyndbg:
      return shared_.WriteSyndbg(index_, admission.id, admission.value);
    case MsrOwner::kVp:
    case MsrOwner::kNobody:
      break;
  }
  return MsrOutcome::kNotOurs;
}

void VirtualProcessor::DoTurn(RefTime now) {
  synic_.Poll();
  timers_.Poll(now);
  assist_page_.Poll();
}

void VirtualProcessor::Reset() {
  timers_.Reset();
  synic_.Reset();
  assist_page_.Reset();
}

MsrRead VirtualProcessor::ReadVp(MsrId id) const {
  if (id == MsrId::kVpIndex) return MsrRead::Handled(index_.value());
  if (id == MsrId::kVpRuntime && runtime_ != nullptr) {
    return MsrRead::Handled(runtime_->Runtime(index_).ticks());
  }
  if (id == MsrId::kGuestIdle && idle_ != nullptr) {
    idle_->Idle(index_);
    return MsrRead::Handled(0);
  }
  return MsrRead::Fault();
}

MsrRead VirtualProcessor::ReadApic(MsrId id) const {
  if (apic_ == nullptr) return MsrRead::Fault();
  return id == MsrId::kIcr ? apic_->ReadIcr(index_) : apic_->ReadTpr(index_);
}

MsrOutcome VirtualProcessor::WriteApic(MsrId id, uint64_t value) const {
  if (apic_ == nullptr) return MsrOutcome::kGeneralProtection;
  if (id == MsrId::kIcr) return apic_->WriteIcr(index_, value);
  if (id == MsrId::kTpr) return apic_->WriteTpr(index_, static_cast<uint8_t>(value));
  return apic_->WriteEoi(index_);
}

}  // namespace hvkit::hyperv
