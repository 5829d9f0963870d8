#include "testing/differential/known_differences.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <initializer_list>
#include <iterator>

#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"
#include "hyperv/tlfs/timer.h"
#include "testing/differential/program_state.h"

namespace hvkit::testing {
namespace {

namespace tlfs = hyperv::tlfs;
using tlfs::CallCode;
using tlfs::FlushFlags;
using tlfs::HvStatus;
using tlfs::HypercallControl;
using tlfs::MsrIndex;

constexpr uint8_t kGeneralProtection = 13;
constexpr uint64_t kReservedForKvm =
    HypercallControl::kReservedMask | HypercallControl::Nested::kMask;
constexpr uint64_t kSetFormats = 2;
constexpr uint64_t kCrashMessagesTaken = uint64_t{1} << 62;
// Of EAX: to use the APIC's MSRs, and not to use AutoEOI.
constexpr uint64_t kRecommendationsThatDiffer =
    tlfs::bits::kUseApicMsrs.mask() | tlfs::bits::kDeprecateAutoEoi.mask();

struct Row {
  KnownRow row;
  bool (*applies)(const Sighting&);
};

bool IsMsr(const Step& step, MsrIndex index) {
  return (step.kind == StepKind::kReadMsr || step.kind == StepKind::kWriteMsr) &&
         step.index == static_cast<uint32_t>(index);
}

CallCode CodeOf(const Step& step) {
  return static_cast<CallCode>(step.value & HypercallControl::Code::kMask);
}
bool IsCall(const Step& step, std::initializer_list<CallCode> codes) {
  return step.kind == StepKind::kHypercall && std::ranges::find(codes, CodeOf(step)) != codes.end();
}
bool IsListFlush(const Step& step) {
  return IsCall(step, {CallCode::kFlushVirtualAddressList, CallCode::kFlushVirtualAddressListEx});
}
bool IsExFlush(const Step& step) {
  return IsCall(step,
                {CallCode::kFlushVirtualAddressSpaceEx, CallCode::kFlushVirtualAddressListEx});
}
bool IsFlush(const Step& step) {
  return IsListFlush(step) || IsExFlush(step) ||
         IsCall(step, {CallCode::kFlushVirtualAddressSpace});
}
// Whether the variable header has not the banks that the set says it has.
bool HasMisfitSet(const Step& step) {
  const uint64_t banks =
      HypercallControl::VariableHeaderSize::Get(tlfs::HypercallControl{step.value});
  return IsExFlush(step) && banks != static_cast<uint64_t>(std::popcount(step.words[3]));
}
// Programs run without hv_tlbflush_ext, and a list has no global mappings to keep.
uint64_t FlushFlagsOf(const Step& step) {
  const uint64_t flags =
      FlushFlags::AllProcessors::kMask | FlushFlags::AllVirtualAddressSpaces::kMask;
  return IsListFlush(step) ? flags : flags | FlushFlags::NonGlobalMappingsOnly::kMask;
}
bool IsIpi(const Step& step) {
  return IsCall(step, {CallCode::kSendSyntheticClusterIpi, CallCode::kSendSyntheticClusterIpiEx});
}

// What both answered, without exceptions.
bool Answered(const Sighting& s, HvStatus kernel, HvStatus user) {
  const uint64_t mask = tlfs::HypercallResult::Status::kMask;
  return s.kernel.fault == 0 && s.user.fault == 0 &&
         (s.kernel.value & mask) == static_cast<uint64_t>(kernel) &&
         (s.user.value & mask) == static_cast<uint64_t>(user);
}

// Of the calls that programs make, in words; what follows it, in either list, too.
uint64_t FixedWords(const Step& step) {
  if (IsListFlush(step) || IsFlush(step)) return IsExFlush(step) ? 4 : 3;
  return IsCall(step, {CallCode::kSendSyntheticClusterIpiEx}) ? 3
         : IsCall(step, {CallCode::kSendSyntheticClusterIpi}) ? 2
                                                              : 1;
}
bool CrossesPage(const Step& step) {
  const tlfs::HypercallControl control{step.value};
  const uint64_t words = FixedWords(step) + HypercallControl::VariableHeaderSize::Get(control) +
                         HypercallControl::RepCount::Get(control);
  return step.index + words * sizeof(uint64_t) > kPageBytes;
}
bool HasBadInputBlock(const Step& step) {
  if ((step.value & HypercallControl::Fast::kMask) != 0) return false;
  return step.sint == kBeyondMemory || step.index % sizeof(uint64_t) != 0 || CrossesPage(step);
}
bool OnlyUserMindsInputBlock(const Sighting& s) {
  return HasBadInputBlock(s.step()) &&
         (Answered(s, HvStatus::kSuccess, HvStatus::kInvalidAlignment) ||
          Answered(s, HvStatus::kInvalidHypercallInput, HvStatus::kInvalidAlignment));
}

bool SignalsWhatIsOff(const Sighting& s) {
  const auto target = EventTargetAt(s.program, s.at, static_cast<uint32_t>(s.step().words[0]));
  if (!target.has_value()) return false;
  const SynicState state = SynicStateAt(s.program, s.at, target->vp);
  return !state.is_on || !state.has_event_page || (state.masked >> target->sint & 1) != 0;
}

uint32_t SintsOfVector(const SynicState& state, unsigned counted) {
  uint32_t sints = 0;
  for (uint32_t sint = 0; sint < state.counted_vectors.size(); ++sint) {
    if ((state.counted_vectors[sint] >> counted & 1) != 0) sints |= uint32_t{1} << sint;
  }
  return sints;
}

// Whether each interrupt that one of them has not seen can be of one of these SINTs.
bool AreInterruptsOf(const Sighting& s, uint32_t sints) {
  const SynicState state = SynicStateAt(s.program, s.at, s.step().cpu);
  for (unsigned i = 0; i < kCountedVectors; ++i) {
    const bool differs = ((s.kernel.value ^ s.user.value) >> (4 * i) & 0xf) != 0;
    if (differs && (SintsOfVector(state, i) & sints) == 0) return false;
  }
  return true;
}

// Whether the two differ in the slots of these SINTs only, and in whether there are messages there
// or others wait.
bool AreSlotsOf(const Sighting& s, uint32_t sints) {
  const uint32_t differing = s.kernel.detail ^ s.user.detail;
  return differing != 0 && (differing & ~(sints | sints << tlfs::kSintCount)) == 0;
}

// Whether messages of timers to these SINTs can make the difference: in their slots, by their
// interrupts, in what a timer's configuration says, also after a reset of the VP.
bool ShowsMessagesTo(const Sighting& s, uint32_t sints) {
  if (sints == 0 || s.kernel.fault != s.user.fault) return false;
  switch (s.step().kind) {
    case StepKind::kFreeSlot:
      return (sints >> s.step().sint & 1) != 0;
    case StepKind::kDigestPage:
      return AreSlotsOf(s, sints);
    case StepKind::kSettle:
      return AreInterruptsOf(s, sints);
    case StepKind::kResetVp:
      return true;
    default:
      return TimerOfConfig(s.step()).has_value() &&
             (s.kernel.value ^ s.user.value) == tlfs::StimerConfig::Enable::kMask;
  }
}
HeldTimerMessages Held(const Sighting& s) {
  const Step& step = s.step();
  return HeldTimerMessagesAt(s.program, s.at,
                             step.kind == StepKind::kResetVp ? step.page : step.cpu);
}

constexpr Row kRows[] = {
    {{"Input block of a flush or an IPI that is misaligned, crosses a page, or is not memory",
      false},
     [](const Sighting& s) { return IsFlush(s.step()) && OnlyUserMindsInputBlock(s); }},
    {{"Input block of a flush or an IPI that is misaligned, crosses a page, or is not memory",
      true},
     [](const Sighting& s) { return IsIpi(s.step()) && OnlyUserMindsInputBlock(s); }},
    {{"Reserved flags of a flush, unknown set formats", false},
     [](const Sighting& s) {
       return IsFlush(s.step()) &&
              Answered(
                  s, HasMisfitSet(s.step()) ? HvStatus::kInvalidHypercallInput : HvStatus::kSuccess,
                  HvStatus::kInvalidParameter) &&
              ((s.step().words[1] & ~FlushFlagsOf(s.step())) != 0 ||
               (IsExFlush(s.step()) && s.step().words[2] >= kSetFormats));
     }},
    {{"Rep start inside a flush list", false},
     [](const Sighting& s) {
       return IsListFlush(s.step()) && (s.step().value & HypercallControl::RepStart::kMask) != 0 &&
              Answered(s, HvStatus::kInvalidHypercallInput, HvStatus::kSuccess);
     }},
    {{"Event flag of a connection's port that has only flag 0", false},
     [](const Sighting& s) {
       return IsCall(s.step(), {CallCode::kSignalEvent}) &&
              (s.step().words[0] >> 32 & 0xffff) != 0 &&
              Answered(s, HvStatus::kInvalidPortId, HvStatus::kInvalidParameter);
     }},
    {{"Event signalled while the SIEF page is off or the SINT masked", true},
     [](const Sighting& s) {
       return IsCall(s.step(), {CallCode::kSignalEvent}) && SignalsWhatIsOff(s) &&
              Answered(s, HvStatus::kSuccess, HvStatus::kInvalidSynicState);
     }},
    {{"Input block of HvCallNotifyLongSpinWait", false},
     [](const Sighting& s) {
       return IsCall(s.step(), {CallCode::kNotifyLongSpinWait}) && OnlyUserMindsInputBlock(s);
     }},
    {{"A timer's message to a masked SINT", true},
     [](const Sighting& s) { return ShowsMessagesTo(s, Held(s).while_masked); }},
    {{"A timer's message while its message page is off", true},
     [](const Sighting& s) { return ShowsMessagesTo(s, Held(s).while_page_off); }},
    {{"SCONTROL off", true},
     [](const Sighting& s) { return ShowsMessagesTo(s, Held(s).while_synic_off); }},
    {{"Recommendation of the APIC MSRs, and of no AutoEOI (leaf 0x40000004)", false},
     [](const Sighting& s) {
       return s.step().kind == StepKind::kCpuid &&
              s.step().index == static_cast<uint32_t>(tlfs::CpuidLeaf::kRecommendations) &&
              s.kernel.value2 == s.user.value2 &&
              ((s.kernel.value ^ s.user.value) & ~kRecommendationsThatDiffer) == 0;
     }},
    {{"VTL, reserved bytes, and unknown set formats of an IPI's input", true},
     [](const Sighting& s) {
       const bool has_reserved = (s.step().words[0] >> 32) != 0;
       const bool has_format = IsCall(s.step(), {CallCode::kSendSyntheticClusterIpiEx}) &&
                               s.step().words[1] >= kSetFormats;
       return IsIpi(s.step()) &&
              ((has_reserved &&
                Answered(s, HvStatus::kSuccess, HvStatus::kInvalidHypercallInput)) ||
               (has_format && Answered(s, HvStatus::kSuccess, HvStatus::kInvalidParameter)));
     }},
    {{"VTL 0 named in a fast IPI's input", true},
     [](const Sighting& s) {
       return IsCall(s.step(), {CallCode::kSendSyntheticClusterIpi}) &&
              (s.step().value & HypercallControl::Fast::kMask) != 0 &&
              s.step().words[0] >> 32 == tlfs::InputVtl::UseTargetVtl::kMask &&
              Answered(s, HvStatus::kInvalidHypercallInput, HvStatus::kSuccess);
     }},
    {{"Vector of an IPI to an empty set", false},
     [](const Sighting& s) {
       const tlfs::HypercallControl control{s.step().value};
       const uint64_t vector = s.step().words[0];
       return IsCall(s.step(), {CallCode::kSendSyntheticClusterIpiEx}) &&
              HypercallControl::VariableHeaderSize::Get(control) == 0 && s.step().words[1] == 0 &&
              (vector < tlfs::kIpiVectorMin || vector > tlfs::kIpiVectorMax) &&
              Answered(s, HvStatus::kSuccess, HvStatus::kInvalidHypercallInput);
     }},
    {{"Calls that KVM neither handles nor forwards (VP registers, partition ids, starts of VPs, "
      "APIC ids, interrupt retargeting, an embedder's own; extended ones on Linux 6.1)",
      false},
     [](const Sighting& s) {
       return IsCall(s.step(),
                     {CallCode::kGetPartitionId, CallCode::kGetVpRegisters,
                      CallCode::kSetVpRegisters, CallCode::kRetargetDeviceInterrupt,
                      CallCode::kStartVirtualProcessor, CallCode::kGetVpIndexFromApicId}) &&
              Answered(s,
                       (s.step().value & kReservedForKvm) == 0 ? HvStatus::kInvalidHypercallCode
                                                               : HvStatus::kInvalidHypercallInput,
                       HvStatus::kAccessDenied);
     }},
    {{"Fast extended calls, and fast PostDebugData and RetrieveDebugData", false},
     [](const Sighting& s) {
       return IsCall(s.step(), {CallCode::kPostDebugData, CallCode::kRetrieveDebugData}) &&
              (s.step().value & HypercallControl::Fast::kMask) != 0 &&
              Answered(s, HvStatus::kInvalidParameter, HvStatus::kInvalidHypercallCode);
     }},
    {{"CRASH_CTL reads", false},
     [](const Sighting& s) {
       return IsMsr(s.step(), MsrIndex::kCrashCtl) && s.kernel.fault == s.user.fault &&
              (s.kernel.value | kCrashMessagesTaken) == s.user.value;
     }},
    {{"HYPERCALL written without a guest OS id", true},
     [](const Sighting& s) {
       return IsMsr(s.step(), MsrIndex::kHypercall) && s.kernel.fault == 0 && s.user.fault == 0 &&
              !HasGuestOsIdAt(s.program, s.at);
     }},
    {{"Reserved bits of STIMERx_CONFIG", true},
     [](const Sighting& s) {
       return s.step().kind == StepKind::kWriteMsr && TimerOfConfig(s.step()).has_value() &&
              s.kernel.fault == 0 && s.user.fault == kGeneralProtection &&
              (s.step().value & tlfs::StimerConfig::kReservedMask) != 0;
     }},
};

}  // namespace

std::optional<KnownRow> KnownDifference(const Sighting& sighting) {
  for (const Row& row : kRows) {
    if (row.applies(sighting)) return row.row;
  }
  return std::nullopt;
}

std::vector<std::string> KnownSubjects() {
  std::vector<std::string> subjects;
  for (const Row& row : kRows) subjects.emplace_back(row.row.subject);
  return subjects;
}

}  // namespace hvkit::testing
