#include "testing/differential/known_differences.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>

#include "hyperv/tlfs/cpuid.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/status.h"
#include "hyperv/tlfs/synic.h"
#include "hyperv/tlfs/timer.h"

namespace hvkit::testing {
namespace {

namespace tlfs = hyperv::tlfs;
using tlfs::CallCode;
using tlfs::HvStatus;
using tlfs::MsrIndex;

constexpr uint8_t kGeneralProtection = 13;
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

bool IsTimerConfig(const Step& step) {
  const uint32_t offset = step.index - static_cast<uint32_t>(MsrIndex::kStimer0Config);
  return step.kind == StepKind::kWriteMsr && offset < 2 * tlfs::kStimerCount && offset % 2 == 0;
}

bool IsCall(const Step& step, std::initializer_list<CallCode> codes) {
  if (step.kind != StepKind::kHypercall) return false;
  const auto code = static_cast<CallCode>(step.value & tlfs::HypercallControl::Code::kMask);
  return std::ranges::find(codes, code) != codes.end();
}
bool IsFlush(const Step& step) {
  return IsCall(step,
                {CallCode::kFlushVirtualAddressSpace, CallCode::kFlushVirtualAddressList,
                 CallCode::kFlushVirtualAddressSpaceEx, CallCode::kFlushVirtualAddressListEx});
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
bool UserSaysAlignment(const Sighting& s) {
  return Answered(s, HvStatus::kSuccess, HvStatus::kInvalidAlignment) ||
         Answered(s, HvStatus::kInvalidHypercallInput, HvStatus::kInvalidAlignment);
}

// Whether the step's VP turned off what `index` turns on, before the step and with a timer in use.
bool WasOffWithTimers(const Sighting& s, MsrIndex index, bool on_at_reset) {
  bool is_on = on_at_reset;
  bool has_timer = false;
  for (size_t i = 0; i < s.at; ++i) {
    const Step& step = s.program[i];
    if (step.cpu != s.step().cpu) continue;
    if (step.kind == StepKind::kWriteMsr && IsMsr(step, index)) is_on = (step.value & 1) != 0;
    if (step.kind == StepKind::kArmTimer || IsTimerConfig(step)) has_timer = true;
    if (has_timer && !is_on) return true;
  }
  return false;
}
// Whether a timer of the step's VP may have sent a message to a SINT while that was masked.
bool TimerHadMaskedSint(const Sighting& s) {
  uint32_t masked = 0xffff;
  uint32_t used = 0;
  for (size_t i = 0; i <= s.at; ++i) {
    const Step& step = s.program[i];
    if (step.cpu != s.step().cpu || step.kind == StepKind::kBarrier) continue;
    const uint32_t sint = step.index - static_cast<uint32_t>(MsrIndex::kSint0);
    if (step.kind == StepKind::kWriteMsr && sint < tlfs::kSintCount) {
      const uint32_t bit = uint32_t{1} << sint;
      masked = (step.value & tlfs::Sint::kResetValue) != 0 ? masked | bit : masked & ~bit;
    }
    const tlfs::StimerConfig config{step.value};
    if (IsTimerConfig(step) && tlfs::StimerConfig::DirectMode::Get(config) == 0) {
      used |= uint32_t{1} << tlfs::StimerConfig::SintIndex::Get(config);
    }
    if ((used & masked) != 0) return true;
  }
  return false;
}
// Whether timers' messages can have made the difference.
bool ShowsTimers(const Step& step) {
  return step.kind == StepKind::kSettle || step.kind == StepKind::kDigestPage ||
         step.kind == StepKind::kFreeSlot || step.kind == StepKind::kReadMsr || IsTimerConfig(step);
}

constexpr Row kRows[] = {
    {{"Input block of a flush or an IPI that is misaligned, crosses a page, or is not memory",
      false},
     [](const Sighting& s) { return IsFlush(s.step()) && UserSaysAlignment(s); }},
    {{"Input block of a flush or an IPI that is misaligned, crosses a page, or is not memory",
      true},
     [](const Sighting& s) { return IsIpi(s.step()) && UserSaysAlignment(s); }},
    {{"Reserved flags of a flush, unknown set formats", false},
     [](const Sighting& s) {
       return IsFlush(s.step()) && Answered(s, HvStatus::kSuccess, HvStatus::kInvalidParameter);
     }},
    {{"Rep start inside a flush list", false},
     [](const Sighting& s) {
       return IsFlush(s.step()) &&
              (s.step().value & tlfs::HypercallControl::RepStart::kMask) != 0 &&
              Answered(s, HvStatus::kInvalidHypercallInput, HvStatus::kSuccess);
     }},
    {{"Event flag of a connection's port that has only flag 0", false},
     [](const Sighting& s) {
       return IsCall(s.step(), {CallCode::kSignalEvent}) &&
              Answered(s, HvStatus::kInvalidPortId, HvStatus::kInvalidParameter);
     }},
    {{"Event signalled while the SIEF page is off or the SINT masked", true},
     [](const Sighting& s) {
       return IsCall(s.step(), {CallCode::kSignalEvent}) &&
              Answered(s, HvStatus::kSuccess, HvStatus::kInvalidSynicState);
     }},
    {{"Input block of HvCallNotifyLongSpinWait", false},
     [](const Sighting& s) {
       return IsCall(s.step(), {CallCode::kNotifyLongSpinWait}) && UserSaysAlignment(s);
     }},
    {{"A timer's message to a masked SINT", true},
     [](const Sighting& s) {
       return s.kernel.fault == s.user.fault && ShowsTimers(s.step()) && TimerHadMaskedSint(s);
     }},
    {{"A timer's message while its message page is off", true},
     [](const Sighting& s) {
       return ShowsTimers(s.step()) && WasOffWithTimers(s, MsrIndex::kSimp, false);
     }},
    {{"SCONTROL off", true},
     [](const Sighting& s) {
       return ShowsTimers(s.step()) && WasOffWithTimers(s, MsrIndex::kScontrol, true);
     }},
    {{"Recommendations of leaf 0x40000004", false},
     [](const Sighting& s) {
       return s.step().kind == StepKind::kCpuid &&
              s.step().index == static_cast<uint32_t>(tlfs::CpuidLeaf::kRecommendations) &&
              s.kernel.value2 == s.user.value2 &&
              ((s.kernel.value ^ s.user.value) & ~kRecommendationsThatDiffer) == 0;
     }},
    {{"VTL and reserved bytes of an IPI's input", true},
     [](const Sighting& s) {
       return IsIpi(s.step()) &&
              Answered(s, HvStatus::kSuccess, HvStatus::kInvalidHypercallInput) &&
              (s.step().words[0] >> 32) != 0;
     }},
    {{"Unknown set format of an IPI", true},
     [](const Sighting& s) {
       return IsIpi(s.step()) && Answered(s, HvStatus::kSuccess, HvStatus::kInvalidParameter);
     }},
    {{"Debugger calls without hv_syndbg", false},
     [](const Sighting& s) {
       return IsCall(s.step(), {CallCode::kPostDebugData, CallCode::kRetrieveDebugData,
                                CallCode::kResetDebugSession});
     }},
    {{"Calls that KVM neither handles nor forwards", false},
     [](const Sighting& s) {
       return s.step().kind == StepKind::kHypercall &&
              Answered(s, HvStatus::kInvalidHypercallCode, HvStatus::kAccessDenied);
     }},
    {{"CRASH_CTL reads", false},
     [](const Sighting& s) { return IsMsr(s.step(), MsrIndex::kCrashCtl); }},
    {{"HYPERCALL written without a guest OS id", true},
     [](const Sighting& s) {
       return IsMsr(s.step(), MsrIndex::kHypercall) && s.kernel.fault == 0;
     }},
    {{"Reserved bits of STIMERx_CONFIG", true},
     [](const Sighting& s) {
       return IsTimerConfig(s.step()) && s.kernel.fault == 0 &&
              s.user.fault == kGeneralProtection &&
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

}  // namespace hvkit::testing
