// Hypercalls, in memory, in registers and in XMM registers.

#include <atomic>
#include <cstring>

#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/hypercall_ext.h"
#include "hyperv/tlfs/hypercall_vp.h"
#include "hyperv/tlfs/vp_register.h"
#include "testing/guests/lib/apic.h"
#include "testing/guests/lib/callers.h"
#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/smp.h"
#include "testing/guests/tour/clock.h"
#include "testing/guests/tour/sights.h"

namespace hvkit::guest {
namespace {

using tlfs::CallCode;
using tlfs::HvStatus;
using tlfs::HypercallControl;
using tlfs::MsrIndex;

constexpr uint64_t kTimes = 64;
constexpr uint64_t kSettleUs = 100;
constexpr unsigned kPageWords = tlfs::kPageSize / sizeof(uint64_t);

alignas(tlfs::kPageSize) uint64_t g_input[kPageWords];
alignas(tlfs::kPageSize) uint64_t g_output[kPageWords];
constinit std::atomic<bool> g_stop = false;
constinit std::atomic<unsigned> g_running = 0;

constexpr uint64_t ControlOf(CallCode code) { return static_cast<uint64_t>(code); }

constexpr uint64_t WithReps(CallCode code, uint64_t reps) {
  HypercallControl control{ControlOf(code)};
  HypercallControl::RepCount::Set(control, reps);
  return control.raw;
}

constexpr uint64_t Fast(uint64_t control) { return control | HypercallControl::Fast::kMask; }

HvStatus Call(uint64_t control) {
  return HypercallStatus(control, reinterpret_cast<uint64_t>(g_input),
                         reinterpret_cast<uint64_t>(g_output));
}

// The mean time of a call that must succeed; its input is in place.
Amount TimeOfCall(Visit& visit, uint64_t control) {
  HvStatus status = HvStatus::kSuccess;
  const Amount time = TimeOf(kTimes, [control, &status] {
    const HvStatus here = Call(control);
    if (here != HvStatus::kSuccess) status = here;
  });
  if (status != HvStatus::kSuccess) visit.Fail("a hypercall was refused");
  return time;
}

// As 64-bit code, with XMM registers. False if it was refused or raised a fault.
bool CallWithXmm(HypercallRegisters& registers) {
  const HypercallReturn answer = CallHypervisor(Caller::k64BitCode, registers);
  return !answer.fault.raised &&
         tlfs::HypercallResult::Status::Get(tlfs::HypercallResult{answer.result}) == 0;
}

void PrepareXmm() {
  static constinit bool g_prepared = false;
  if (!g_prepared) PrepareCallers();
  g_prepared = true;
}

void RunUntilStopped(void*) {
  ++g_running;
  while (!g_stop) Pause();
}

template <typename Function>
void WhileOthersRun(Function function) {
  g_stop = false;
  g_running = 0;
  for (unsigned cpu = 1; cpu < Processors(); ++cpu) PostTo(cpu, RunUntilStopped, nullptr);
  while (g_running < Processors() - 1) Pause();
  function();
  g_stop = true;
  for (unsigned cpu = 1; cpu < Processors(); ++cpu) WaitFor(cpu);
}

void WriteFlush(uint64_t flags) {
  g_input[0] = 0;
  g_input[1] = flags;
  g_input[2] = 0;
}

// What a fast call passes and gets in one XMM register: here its own VP index.
HypercallRegisters AskForOwnIndex() {
  return {.control = Fast(WithReps(CallCode::kGetVpRegisters, 1)),
          .input = tlfs::kPartitionIdSelf,
          .output = tlfs::kVpIndexSelf,
          .xmm = {static_cast<uint64_t>(tlfs::VpRegister::kVpIndex)}};
}

// The same with the last processor's APIC id.
HypercallRegisters AskForLastIndex() {
  return {.control = Fast(WithReps(CallCode::kGetVpIndexFromApicId, 1)),
          .input = tlfs::kPartitionIdSelf,
          .output = 0,
          .xmm = {ApicIdOf(LastProcessor())}};
}

// An IPI to this processor, which a sparse set in XMM0 names; nobody handles it.
HypercallRegisters InterruptOneself() {
  constexpr uint8_t kVector = 0x5f;
  HypercallControl control{ControlOf(CallCode::kSendSyntheticClusterIpiEx)};
  HypercallControl::VariableHeaderSize::Set(control, 1);
  return {.control = Fast(control.raw),
          .input = kVector,
          .output = static_cast<uint64_t>(tlfs::VpSet::Format::kSparse),
          .xmm = {1, uint64_t{1} << VpIndexOf(0)}};
}

}  // namespace

void VisitFlush(Visit& visit) {
  constexpr uint64_t kAll =
      tlfs::FlushFlags::AllProcessors::kMask | tlfs::FlushFlags::AllVirtualAddressSpaces::kMask;
  WriteFlush(kAll);
  const uint64_t control = ControlOf(CallCode::kFlushVirtualAddressSpace);
  const Amount halted = TimeOfCall(visit, control);
  Amount running;
  WhileOthersRun([&] { running = TimeOfCall(visit, control); });
  visit.did().Append("all translations of all processors were flushed in ");
  Append(Append(visit.did(), halted).Append(" with the others halted, in "), running);
  visit.did().Append(" while they ran");
  visit.Measure("flush, others halted", halted);
  visit.Measure("flush, others running", running);
}

void VisitFlushRanges(Visit& visit) {
  constexpr uint64_t kLargePages = 512;
  constexpr uint64_t kMibsOfAPage = 2;
  WriteFlush(tlfs::FlushFlags::UseExtendedRangeFormat::kMask);
  g_input[2] = static_cast<uint64_t>(tlfs::VpSet::Format::kAll);
  g_input[3] = 0;
  tlfs::ExtendedGvaRange range;
  tlfs::ExtendedGvaRange::LargePage::Set(range, 1);
  tlfs::ExtendedGvaRange::AdditionalPages::Set(range, kLargePages - 1);
  g_input[4] = range.raw;
  const Amount time = TimeOfCall(visit, WithReps(CallCode::kFlushVirtualAddressListEx, 1));
  visit.did().Append("one range named ").AppendDecimal(kLargePages * kMibsOfAPage);
  Append(visit.did().Append(" MiB by its large pages: flushed in "), time);
  visit.Measure("flush of one range", time);
}

void VisitSpinlocks(Visit& visit) {
  const uint64_t tries = Cpuid(tlfs::CpuidLeaf::kRecommendations).ebx;
  const Amount time = TimeOf(kTimes, [tries, &visit] {
    const HvStatus status =
        HypercallStatus(Fast(ControlOf(CallCode::kNotifyLongSpinWait)), tries, 0);
    if (status != HvStatus::kSuccess) visit.Fail("a hypercall was refused");
  });
  visit.did().Append("after ").AppendDecimal(tries).Append(" tries at a lock the guest is to say ");
  Append(visit.did().Append("that it waits: saying it takes "), time);
  visit.Measure("NotifyLongSpinWait", time);
}

void VisitXmmInput(Visit& visit) {
  if (!CpuidHas(tlfs::bits::kUseClusterIpi) || !CpuidHas(tlfs::bits::kUseExProcessorMasks)) {
    visit.did().Append("there is no hv_ipi here, whose set of processors would be in XMM0");
    return;
  }
  PrepareXmm();
  bool refused = false;
  const Amount in_xmm = TimeOf(kTimes, [&refused] {
    HypercallRegisters registers = InterruptOneself();
    refused = !CallWithXmm(registers) || refused;
  });
  if (refused) visit.Fail("a call with a parameter in XMM0 was refused");
  const HypercallRegisters registers = InterruptOneself();
  g_input[0] = registers.input;
  g_input[1] = registers.output;
  std::memcpy(&g_input[2], registers.xmm, 2 * sizeof(uint64_t));
  const Amount in_memory = TimeOfCall(visit, registers.control & ~HypercallControl::Fast::kMask);
  Spin(kSettleUs);  // takes the interrupt
  visit.did().Append("an IPI whose processors are named in XMM0 was sent in ");
  Append(Append(visit.did(), in_xmm).Append(", one that names them in memory in "), in_memory);
  visit.Measure("IPI, named in XMM0", in_xmm);
  visit.Measure("IPI, named in memory", in_memory);
}

void VisitXmmOutput(Visit& visit) {
  const bool by_registers = CpuidHas(tlfs::bits::kAccessVpRegisters);
  if (!by_registers && !CpuidHas(tlfs::bits::kStartVirtualProcessor)) {
    visit.did().Append("none of the calls here has results");
    return;
  }
  PrepareXmm();
  bool wrong = false;
  const uint64_t expected = VpIndexOf(by_registers ? 0 : LastProcessor());
  const Amount time = TimeOf(kTimes, [by_registers, expected, &wrong] {
    HypercallRegisters registers = by_registers ? AskForOwnIndex() : AskForLastIndex();
    const bool answered = CallWithXmm(registers);
    // The input ends in XMM0, so the result is in XMM1.
    wrong = !answered || (registers.xmm[2] & 0xffffffff) != expected || wrong;
  });
  if (wrong) visit.Fail("XMM1 did not get the result");
  Append(visit.did().Append("a VP index came back in XMM1 in "), time);
  visit.Measure("call with its result in XMM1", time);
}

void VisitExtendedCalls(Visit& visit) {
  const Amount time = TimeOfCall(visit, ControlOf(CallCode::kExtQueryCapabilities));
  const tlfs::ExtCapabilities capabilities{g_output[0]};
  visit.did().Append("the extended calls ask to be asked for: ").AppendHex(capabilities.raw);
  visit.Measure("QueryCapabilities", time);
  if (tlfs::ExtCapabilities::GetBootZeroedMemory::Get(capabilities) == 0) return;
  if (Call(ControlOf(CallCode::kExtGetBootZeroedMemory)) != HvStatus::kSuccess) {
    visit.Fail("GetBootZeroedMemory was refused");
    return;
  }
  constexpr uint64_t kPagesPerMib = 256;
  uint64_t pages = 0;
  for (uint64_t i = 0; i < g_output[0] && i < tlfs::kMaxBootZeroedRanges; ++i) {
    pages += g_output[2 + 2 * i];
  }
  visit.did().Append("; memory that nobody has touched: ").AppendDecimal(pages / kPagesPerMib);
  visit.did().Append(" MiB in ").AppendDecimal(g_output[0]).Append(" ranges");
  visit.Measure("zeroed memory", Whole(pages / kPagesPerMib, "MiB"));
}

void VisitStartVp(Visit& visit) {
  bool wrong = false;
  for (unsigned cpu = 0; cpu < Processors(); ++cpu) {
    g_input[0] = tlfs::kPartitionIdSelf;
    g_input[1] = 0;
    g_input[2] = ApicIdOf(cpu);
    wrong = Call(WithReps(CallCode::kGetVpIndexFromApicId, 1)) != HvStatus::kSuccess || wrong;
    wrong = (g_output[0] & 0xffffffff) != VpIndexOf(cpu) || wrong;
  }
  if (wrong) visit.Fail("an APIC id gave another VP index");
  const Amount time = TimeOfCall(visit, WithReps(CallCode::kGetVpIndexFromApicId, 1));
  std::memset(g_input, 0, sizeof(tlfs::StartVpInput));
  g_input[0] = tlfs::kPartitionIdSelf;
  g_input[1] = VpIndexOf(0);
  const HvStatus again = Call(ControlOf(CallCode::kStartVirtualProcessor));
  if (again != HvStatus::kInvalidRegisterValue) visit.Fail("an impossible start was not refused");
  visit.did().Append("each APIC id gave its VP index, in ");
  Append(visit.did(), time).Append("; starting one from an impossible context was refused");
  visit.Measure("GetVpIndexFromApicId", time);
}

void VisitVpRegisters(Visit& visit) {
  g_input[0] = tlfs::kPartitionIdSelf;
  g_input[1] = tlfs::kVpIndexSelf;
  g_input[2] = static_cast<uint64_t>(tlfs::VpRegister::kVpIndex) |
               static_cast<uint64_t>(tlfs::VpRegister::kGuestOsId) << 32;
  const Amount time = TimeOfCall(visit, WithReps(CallCode::kGetVpRegisters, 2));
  const bool same =
      g_output[0] == VpIndexOf(0) && g_output[2] == ReadMsr(MsrIndex::kGuestOsId).value;
  if (!same) visit.Fail("a register differs from its MSR");
  visit.did().Append("one call read two registers, which are as their MSRs tell, in ");
  Append(visit.did(), time);
  visit.Measure("GetVpRegisters of two", time);
}

void VisitHypercallLock(Visit& visit) {
  const uint64_t before = ReadMsr(MsrIndex::kHypercall).value;
  (void)WriteMsr(MsrIndex::kHypercall, before | tlfs::HypercallMsr::Locked::kMask);
  const bool refused = WriteMsr(MsrIndex::kHypercall, 0).raised;
  const bool enabled =
      tlfs::HypercallMsr::Enable::Get(tlfs::HypercallMsr{ReadMsr(MsrIndex::kHypercall).value}) != 0;
  if (!enabled) visit.Fail("the page went away");
  visit.did().Append("the hypercall page is locked: turning it off ");
  visit.did().Append(refused ? "raised #GP" : "changed nothing");
}

}  // namespace hvkit::guest
