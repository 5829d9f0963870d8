#include "testing/differential/program_state.h"

#include <algorithm>

#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/timer.h"

namespace hvkit::testing {
namespace {

namespace tlfs = hyperv::tlfs;
using tlfs::MsrIndex;

constexpr uint64_t kCreateEventConnection = 6;
constexpr uint64_t kEnables =
    tlfs::StimerConfig::Enable::kMask | tlfs::StimerConfig::AutoEnable::kMask;

bool Writes(const Step& step, MsrIndex index) {
  return step.kind == StepKind::kWriteMsr && step.index == static_cast<uint32_t>(index);
}

std::optional<uint32_t> SintOf(const Step& step) {
  const uint32_t sint = step.index - static_cast<uint32_t>(MsrIndex::kSint0);
  if (step.kind != StepKind::kWriteMsr || sint >= tlfs::kSintCount) return std::nullopt;
  return sint;
}

void FollowSint(uint32_t index, uint64_t value, SynicState& state) {
  const tlfs::Sint sint{value};
  const auto vector = static_cast<uint8_t>(tlfs::Sint::Vector::Get(sint));
  const uint32_t bit = uint32_t{1} << index;
  const bool is_masked = tlfs::Sint::Masked::Get(sint) != 0;
  if (!is_masked && vector < tlfs::Sint::kFirstValidVector) return;  // raises #GP
  state.masked = is_masked ? state.masked | bit : state.masked & ~bit;
  const unsigned counted = vector - unsigned{kFirstCountedVector};
  if (counted < kCountedVectors) {
    state.counted_vectors[index] |= static_cast<uint16_t>(1U << counted);
  }
}

void Follow(const Step& step, SynicState& state) {
  const bool enables = (step.value & 1) != 0;
  if (const auto sint = SintOf(step)) FollowSint(*sint, step.value, state);
  if (Writes(step, MsrIndex::kScontrol)) state.is_on = enables;
  if (Writes(step, MsrIndex::kSimp)) state.has_message_page = enables;
  if (Writes(step, MsrIndex::kSiefp)) state.has_event_page = enables;
}

}  // namespace

std::optional<uint32_t> TimerOfConfig(const Step& step) {
  const bool is_msr = step.kind == StepKind::kWriteMsr || step.kind == StepKind::kReadMsr;
  const uint32_t offset = step.index - static_cast<uint32_t>(MsrIndex::kStimer0Config);
  if (!is_msr || offset >= 2 * tlfs::kStimerCount || offset % 2 != 0) return std::nullopt;
  return offset / 2;
}

SynicState SynicStateAt(const Program& program, size_t at, uint8_t vp) {
  SynicState state;
  for (size_t i = 0; i < at; ++i) {
    if (program[i].cpu == vp) Follow(program[i], state);
  }
  return state;
}

HeldTimerMessages HeldTimerMessagesAt(const Program& program, size_t at, uint8_t vp) {
  HeldTimerMessages held;
  SynicState state;
  std::array<uint32_t, tlfs::kStimerCount> named = {};  // SINTs, of each timer
  for (size_t i = 0; i <= at; ++i) {
    const Step& step = program[i];
    if (step.cpu != vp) continue;
    Follow(step, state);
    const tlfs::StimerConfig config{step.value};
    const std::optional<uint32_t> timer = TimerOfConfig(step);
    const bool may_send =
        (config.raw & kEnables) != 0 && tlfs::StimerConfig::DirectMode::Get(config) == 0;
    if (timer.has_value() && step.kind == StepKind::kWriteMsr && may_send) {
      named[*timer] |= uint32_t{1} << tlfs::StimerConfig::SintIndex::Get(config);
    }
    for (const uint32_t sints : named) {
      if ((sints & (state.masked | held.while_masked)) != 0) held.while_masked |= sints;
      if (!state.has_message_page) held.while_page_off |= sints;
      if (!state.is_on) held.while_synic_off |= sints;
    }
  }
  return held;
}

std::optional<EventTarget> EventTargetAt(const Program& program, size_t at, uint32_t connection) {
  for (size_t i = 0; i < at; ++i) {
    const Step& step = program[i];
    if (step.kind != StepKind::kTestdev || step.value != kCreateEventConnection) continue;
    // The device ignores another one with the same id.
    if (step.index == connection) return EventTarget{step.page, step.sint};
  }
  return std::nullopt;
}

bool HasGuestOsIdAt(const Program& program, size_t at) {
  bool has = false;
  for (size_t i = 0; i < at; ++i) {
    if (Writes(program[i], MsrIndex::kGuestOsId)) has = program[i].value != 0;
  }
  return has;
}

}  // namespace hvkit::testing
