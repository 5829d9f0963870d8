// What a host may add to a partition beyond hyperv/host: each hook makes MSRs possible that the
// model alone cannot serve. Where a hook is missing its MSRs are as without the privilege, and the
// host is not to advertise them.
//
// TLFS: vp-properties.md "Virtual Processor Runtime", "Virtual Processor Idle Sleep State" and
// "Virtual Processor Assist Page"; virtual-interrupts.md "Local APIC MSR Accesses" and "EOI
// Assist"; the debugger's registers from Linux's arch/x86/kvm/hyperv.h. Each method is called on
// the thread of the VP that it names, from within that VP's ReadMsr, WriteMsr, Poll or Reset, and
// does not call back into the partition.
#ifndef HVKIT_HYPERV_PARTITION_HOST_HOOKS_H_
#define HVKIT_HYPERV_PARTITION_HOST_HOOKS_H_

#include <cstdint>
#include <optional>

#include "hyperv/host/ids.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/msr/msr_outcome.h"

namespace hvkit::hyperv {

// HV_X64_MSR_VP_RUNTIME.
class VpRuntime {
 public:
  virtual ~VpRuntime() = default;

  // The time that the VP has run since it was created, its hypervisor included; never less than an
  // earlier answer.
  virtual RefDuration Runtime(VpIndex vp) const = 0;
};

// HV_X64_MSR_EOI, _ICR and _TPR: the local APIC's registers. A write that the APIC would refuse
// is kGeneralProtection; reserved bits have been judged before.
class ApicRegisters {
 public:
  virtual ~ApicRegisters() = default;

  // *VP thread* of `vp`, from within its access of the MSR.
  virtual MsrOutcome WriteEoi(VpIndex vp) = 0;
  virtual MsrRead ReadIcr(VpIndex vp) = 0;
  virtual MsrOutcome WriteIcr(VpIndex vp, uint64_t value) = 0;  // The whole 64 bits at once
  virtual MsrRead ReadTpr(VpIndex vp) = 0;
  virtual MsrOutcome WriteTpr(VpIndex vp, uint8_t value) = 0;
};

// EOIs without exits through the VP assist page, for a host whose APIC is elsewhere (KVM's
// MSR_KVM_PV_EOI_EN). A host with an APIC of its own uses VirtualProcessor::assist_page() instead.
class EoiAssist {
 public:
  virtual ~EoiAssist() = default;

  // The page that the guest sees with the APIC assist word (bit 0: no EOI required) as its first;
  // nothing while there is none.
  virtual void SetAssistPage(VpIndex vp, std::optional<Gpn> page) = 0;
};

// HV_X64_MSR_GUEST_IDLE.
class GuestIdle {
 public:
  virtual ~GuestIdle() = default;

  // Called for the guest's read: the VP is to sleep, once the instruction is complete, until an
  // interrupt is pending, whether or not RFLAGS.IF lets it in.
  virtual void Idle(VpIndex vp) = 0;
};

// The debugger's registers as the guest left them: HV_X64_MSR_SYNDBG_CONTROL to _PENDING_BUFFER.
struct SyndbgRegisters {
  uint64_t control = 0;
  uint64_t status = 0;
  uint64_t send_page = 0;
  uint64_t receive_page = 0;
  uint64_t pending_page = 0;

  friend constexpr bool operator==(const SyndbgRegisters&, const SyndbgRegisters&) = default;
};

// The transport of the synthetic debugger.
class SyndbgTransport {
 public:
  virtual ~SyndbgTransport() = default;

  // The guest wrote CONTROL: a packet to send or to receive, or nothing. Returns the new STATUS.
  virtual uint64_t OnControl(VpIndex vp, const SyndbgRegisters& registers) = 0;

  // The guest wrote PENDING_BUFFER: where to tell it that a packet has arrived.
  virtual void OnPendingBuffer(VpIndex vp, const SyndbgRegisters& registers) = 0;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_HOST_HOOKS_H_
