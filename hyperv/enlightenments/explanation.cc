#include "hyperv/enlightenments/explanation.h"

#include <cstddef>
#include <iterator>

namespace hvkit::hyperv {
namespace {

using tlfs::CallCode;
using enum Enlightenment;

constexpr NamedCall kSpinCalls[] = {{CallCode::kNotifyLongSpinWait, "HvCallNotifyLongSpinWait"}};
constexpr NamedCall kSynicCalls[] = {{CallCode::kPostMessage, "HvCallPostMessage"},
                                     {CallCode::kSignalEvent, "HvCallSignalEvent"}};
constexpr NamedCall kFlushCalls[] = {
    {CallCode::kFlushVirtualAddressSpace, "HvCallFlushVirtualAddressSpace"},
    {CallCode::kFlushVirtualAddressList, "HvCallFlushVirtualAddressList"},
    {CallCode::kFlushVirtualAddressSpaceEx, "HvCallFlushVirtualAddressSpaceEx"},
    {CallCode::kFlushVirtualAddressListEx, "HvCallFlushVirtualAddressListEx"}};
constexpr NamedCall kIpiCalls[] = {
    {CallCode::kSendSyntheticClusterIpi, "HvCallSendSyntheticClusterIpi"},
    {CallCode::kSendSyntheticClusterIpiEx, "HvCallSendSyntheticClusterIpiEx"}};
constexpr NamedCall kDebugCalls[] = {{CallCode::kPostDebugData, "HvCallPostDebugData"},
                                     {CallCode::kRetrieveDebugData, "HvCallRetrieveDebugData"},
                                     {CallCode::kResetDebugSession, "HvCallResetDebugSession"}};
constexpr NamedCall kExtendedCalls[] = {
    {CallCode::kExtQueryCapabilities, "HvExtCallQueryCapabilities"},
    {CallCode::kExtGetBootZeroedMemory, "HvExtCallGetBootZeroedMemory"}};
constexpr NamedCall kStartCalls[] = {
    {CallCode::kStartVirtualProcessor, "HvCallStartVirtualProcessor"},
    {CallCode::kGetVpIndexFromApicId, "HvCallGetVpIndexFromApicId"}};
constexpr NamedCall kRegisterCalls[] = {{CallCode::kGetVpRegisters, "HvCallGetVpRegisters"},
                                        {CallCode::kSetVpRegisters, "HvCallSetVpRegisters"}};

// Rows in the order of the enum.
constexpr Explanation kTable[] = {
    {kRelaxed,
     "Windows checks that its clock ticks and its inter-processor interrupts come in time, and "
     "stops "
     "with CLOCK_WATCHDOG_TIMEOUT when they do not, as on a host that is busy or being migrated. "
     "This bit asks it not to. It costs nothing: have it for every Windows guest."},
    {kVapic,
     "The MSRs replace accesses to the local APIC, each of which would be an exit that has to be "
     "decoded. The VP assist page lets the hypervisor tell the guest that an EOI needs no exit at "
     "all. Where APICv or AVIC is in use the page still helps and the MSRs do not: add hv_avic."},
    {kSpinlocks,
     "A processor that spins for a lock whose holder does not run wastes its time slice. After "
     "this "
     "many attempts the guest makes a hypercall, and the hypervisor runs another processor. QEMU's "
     "documentation recommends 0x1fff; Windows wants 0xfff at least.",
     kSpinCalls},
    {kVpIndex,
     "The index is what hypercalls, sets of processors and timer messages name a processor by. It "
     "need not be the APIC id. Linux makes no use of Hyper-V's processors without it."},
    {kRuntime,
     "The MSR counts the time, in units of 100 ns, that the processor ran in the guest or for it. "
     "Windows charges its threads by it, so that time taken by the host is charged to nobody."},
    {kCrash,
     "A guest that stops with a blue screen or a panic writes the stop code and its parameters, or "
     "a "
     "message's address, to the MSRs. hvkit's VMM writes a guest_crash event and ends with status "
     "4. In libvirt this is the panic device, not an enlightenment."},
    {kTime,
     "The counter is in units of 100 ns from the partition's start. The page holds a scale and an "
     "offset by which the guest computes the same from RDTSC, some 10 ns instead of an exit of a "
     "microsecond or more. Where the host's TSC is not stable, the page says so and guests fall "
     "back to the MSR."},
    {kSynic,
     "Each processor gets sixteen interrupt sources (SINTs), a page of message slots and a page of "
     "event flags. VMBus is built on it, and so are the timers that expire with messages. On KVM "
     "it costs AutoEOI users APICv or AVIC, unless hv_avic is there too.",
     kSynicCalls},
    {kStimer,
     "One-shot or periodic, in units of 100 ns of the reference time. Windows then needs no RTC or "
     "HPET tick, which matters most for an idle guest. Linux registers \"Hyper-V clockevent\"."},
    {kStimerDirect,
     "Without it an expired timer puts a message into its SINT's slot, which the guest has to free "
     "by "
     "EOM when another message waits. With it there is one interrupt on a vector of the guest's "
     "choice. Linux then uses the timers without its VMBus driver."},
    {kTlbFlush,
     "The guest names the processors and the address spaces or ranges, and makes one exit. A "
     "processor that does not run flushes before it next enters the guest, so it need not be "
     "woken: "
     "the gain is large where processors are overcommitted, and may be a loss where they are not.",
     kFlushCalls},
    {kTlbFlushExt,
     "A range of a list may then say that it counts pages of 2 MiB or 1 GiB, so that a large page "
     "is "
     "one element."},
    {kTlbFlushDirect,
     "A guest that runs Hyper-V has guests of its own, whose flush hypercalls would first go to "
     "that "
     "Hyper-V. KVM answers them at once. It is part of KVM's emulation of VMX and SVM."},
    {kIpi,
     "With xAPIC or x2APIC an interrupt to many processors is many exits, or one for each cluster. "
     "The hypercall takes a vector and a set of processors.",
     kIpiCalls},
    {kReset,
     "A write of 1 resets the machine. Recent versions of Windows and Hyper-V do not use it and "
     "reset "
     "by the keyboard controller or ACPI; it is harmless."},
    {kFrequencies,
     "Two MSRs hold the TSC's and the APIC timer's frequency in Hz. Without them guests measure "
     "both at boot against another clock, which takes time and goes wrong on a busy host."},
    {kReenlightenment,
     "After a migration to a host with another TSC frequency the hypervisor emulates the old one "
     "by "
     "trapping RDTSC until the guest says that it has told its own guests. Only Hyper-V in a guest "
     "needs it, before it gives its own guests a TSC page."},
    {kEvmcs,
     "Hyper-V in the guest then keeps its VMCS in memory and says what it changed, which spares "
     "most of KVM's work on exits of nested guests. There is no such thing for SVM."},
    {kAvic,
     "AutoEOI, by which a SINT needs no EOI, is impossible with a hardware APIC: KVM switches "
     "APICv "
     "or AVIC off as soon as a guest could use it. With this bit the guest promises not to. "
     "Windows "
     "since Server 2012 and Linux keep the promise."},
    {kNoNonarchCoresharing,
     "Hyper-V in the guest chooses its core scheduler, and whether it mitigates side channels "
     "between threads, by it. Say it only where each virtual processor is pinned, or where cores "
     "have one thread."},
    {kSyndbg,
     "Windows' kernel debugger sends packets by MSRs or by hypercalls, as it would over a network; "
     "the VMM forwards them to a debugger that listens on UDP. A Windows that is set up for it "
     "waits at boot until the debugger answers. For debugging only.",
     kDebugCalls},
    {kEmsrBitmap,
     "Hyper-V in the guest says when it changed the MSR bitmap of one of its guests; KVM merges "
     "the "
     "bitmaps only then. It needs hv_evmcs on Intel to be of use; on AMD it works alone."},
    {kXmmInput,
     "A fast hypercall passes up to 16 bytes in two registers, and with this up to 112 in XMM0 to "
     "XMM5 as well. Windows uses it for flushes and interrupts to processor sets."},
    {kTscInvariant,
     "A guest that sets the MSR's bit sees the invariant TSC bit in CPUID. Linux then trusts the "
     "TSC "
     "itself as clock source, so it is off unless named: a later migration to another frequency "
     "would break that trust."},
    {kExtHypercalls,
     "The first of these calls tells which others there are. Linux asks at boot when the privilege "
     "is there. The call for memory zeroed at boot spares a guest its own zeroing.",
     kExtendedCalls},
    {kStartVp,
     "A processor is started in a given state, long mode too, without the walk from real mode. "
     "Guests with virtual trust levels need it; Linux uses INIT and SIPI otherwise.",
     kStartCalls},
    {kVpRegisters,
     "A guest reads and writes its processors' registers by name and gets and sets those that have "
     "no instruction of their own, such as the hypervisor's version.",
     kRegisterCalls},
    {kXmmOutput,
     "A fast hypercall's result is placed in the XMM registers that follow those of its input, so "
     "that no page is needed for it. In 64-bit mode only."},
    {kSintPolling,
     "With the Polling bit of a SINT set, messages appear in the slot and no interrupt is raised; "
     "the guest looks for itself."},
    {kHypercallLock,
     "A guest that sets the Locked bit can no longer move or remove its hypercall page until "
     "reset, "
     "whoever takes it over later."},
    {kGuestIdle,
     "Reading the MSR suspends the processor until an interrupt is pending, also where RFLAGS.IF "
     "is "
     "clear. Windows sleeps by it when it is there, in place of HLT."},
    {kVendorId,
     "EBX, ECX and EDX of the leaf. Windows shows it and some drivers refuse what they know; Linux "
     "looks for \"Microsoft Hv\" and takes anything else for no Hyper-V at all."},
    {kVersionIdBuild, "EAX of the leaf. Windows shows it, and chooses workarounds by it."},
    {kVersionIdMajor, "EBX, the upper half. Windows shows it, and chooses workarounds by it."},
    {kVersionIdMinor, "EBX, the lower half."},
    {kVersionIdSpack, "ECX of the leaf."},
    {kVersionIdSbranch, "EDX, the upper 8 bits."},
    {kVersionIdSnumber, "EDX, the lower 24 bits."},
    {kPassthrough,
     "For a look at what a machine can do. The guest then sees another Hyper-V on every kernel, so "
     "it cannot be migrated; name the enlightenments, or use a preset and --diff, for production."},
    {kEnforceCpuid,
     "Without it KVM lets a guest use any MSR and hypercall that KVM has, whatever CPUID says. "
     "With "
     "it an access that was not announced is a fault or a refusal. QEMU leaves it off for the sake "
     "of old guests; hvkit has it on, since what is not announced should not be attack surface."},
};

constexpr bool RowsFollowEnum() {
  for (size_t i = 0; i < std::size(kTable); ++i) {
    if (Index(kTable[i].id) != i) return false;
  }
  return std::size(kTable) == kEnlightenmentCount;
}
static_assert(RowsFollowEnum());

}  // namespace

const Explanation& ExplanationOf(Enlightenment e) { return kTable[Index(e)]; }

}  // namespace hvkit::hyperv
