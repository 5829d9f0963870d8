#include "hyperv/stimer/synthetic_timers.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>

#include "hyperv/tlfs/synic.h"

namespace hvkit::hyperv {
namespace {

using tlfs::StimerConfig;

// A deadline past the end of time is the end of time: TLFS, Count: "Wrapping will have no effect".
RefTime Later(RefTime from, uint64_t ticks) {
  const uint64_t room = std::numeric_limits<uint64_t>::max() - from.ticks();
  return from + RefDuration(std::min(ticks, room));
}

bool IsOn(StimerConfig config) { return StimerConfig::Enable::Get(config) != 0; }
bool IsPeriodic(StimerConfig config) { return StimerConfig::Periodic::Get(config) != 0; }
bool IsLazy(StimerConfig config) { return StimerConfig::Lazy::Get(config) != 0; }
bool IsDirect(StimerConfig config) { return StimerConfig::DirectMode::Get(config) != 0; }

// A lazy timer's signal is skipped when less than this part of its period is left.
constexpr uint64_t kLazyMargin = 8;

}  // namespace

MsrOutcome SyntheticTimers::WriteMsr(uint32_t index, uint64_t value) {
  const uint32_t offset = index - kFirstMsr;
  if (offset >= kMsrCount) return MsrOutcome::kNotOurs;
  Timer& timer = timers_[offset / 2];
  if (offset % 2 == 0) return WriteConfig(timer, StimerConfig{value});
  WriteCount(timer, value);
  return MsrOutcome::kHandled;
}

bool SyntheticTimers::IsValid(StimerConfig config) const {
  if ((config.raw & StimerConfig::kReservedMask) != 0) return false;
  if (!IsDirect(config)) return true;
  return config_.direct_mode == DirectMode::kOffered &&
         StimerConfig::ApicVector::Get(config) >= tlfs::Sint::kFirstValidVector;
}

MsrOutcome SyntheticTimers::WriteConfig(Timer& timer, StimerConfig config) {
  if (!IsValid(config)) return MsrOutcome::kGeneralProtection;
  if (!IsDirect(config) && StimerConfig::SintIndex::Get(config) == 0 &&
      (IsOn(timer.config) || config_.policy.sint_zero == StimerPolicy::SintZero::kDisables)) {
    StimerConfig::Enable::Set(config, 0);
  }
  timer.config = config;
  Restart(timer);
  return MsrOutcome::kHandled;
}

void SyntheticTimers::WriteCount(Timer& timer, uint64_t count) {
  timer.count = count;
  if (count == 0) {
    StimerConfig::Enable::Set(timer.config, 0);
  } else if (StimerConfig::AutoEnable::Get(timer.config) != 0) {
    StimerConfig::Enable::Set(timer.config, 1);
  }
  Restart(timer);
}

// A message that could not be delivered yet is dropped, as in KVM: the guest has changed its mind.
void SyntheticTimers::Restart(Timer& timer) {
  timer.due = kNever;
  timer.waiting = false;
  timer.skipped = false;
  if (IsOn(timer.config) && timer.count != 0) {
    const RefTime now = clock_.Now();
    timer.expiration = IsPeriodic(timer.config) ? Later(now, timer.count) : RefTime(timer.count);
    timer.due = timer.expiration;
    if (timer.due <= now) Fire(timer, now);
  }
  UpdateDeadline();
}

void SyntheticTimers::FireDue(RefTime now) {
  for (Timer& timer : timers_) {
    if (timer.due <= now) Fire(timer, now);
  }
  UpdateDeadline();
}

void SyntheticTimers::OnSlotFree(SintIndex sint) {
  const auto waits = [sint](const Timer& timer) {
    return timer.waiting && StimerConfig::SintIndex::Get(timer.config) == sint.value();
  };
  if (std::none_of(timers_.begin(), timers_.end(), waits)) return;
  const RefTime now = clock_.Now();
  for (Timer& timer : timers_) {
    if (waits(timer)) Fire(timer, now);
  }
  UpdateDeadline();
}

void SyntheticTimers::Fire(Timer& timer, RefTime time) {
  // Poll's time is the host's: the clock may stand before it when the slot becomes free.
  const RefTime now = std::max(time, timer.expiration);
  const bool periodic = IsPeriodic(timer.config);
  if (periodic) SkipMissed(timer, now);
  if (periodic && SkipLate(timer, now)) return;
  timer.due = kNever;
  timer.waiting = !Send(timer, now);
  if (timer.waiting) return;
  if (!periodic) {
    StimerConfig::Enable::Set(timer.config, 0);
    return;
  }
  timer.expiration = Later(timer.expiration, timer.count);
  // Behind schedule: the next period is half as long, until the timer has caught up.
  const RefTime soon = Later(now, std::max<uint64_t>(timer.count / 2, 1));
  timer.due = std::max(timer.expiration > now ? timer.expiration : soon,
                       Later(now, config_.policy.shortest_interval));
}

// Drops the signals that are too old to make up for; the schedule itself never moves.
void SyntheticTimers::SkipMissed(Timer& timer, RefTime now) const {
  const uint64_t late = (now - timer.expiration).ticks();
  if (late < timer.count) return;  // as a rule, and a division saved
  const uint64_t missed = late / timer.count;
  const uint64_t kept = IsLazy(timer.config) ? 0 : config_.policy.catch_up_periods;
  if (missed <= kept) return;
  timer.expiration = timer.expiration + RefDuration((missed - kept) * timer.count);
}

// Whether a lazy timer's signal comes so late that the next one will do. Never two in a row: a host
// that is always late must not silence the timer.
bool SyntheticTimers::SkipLate(Timer& timer, RefTime now) const {
  const uint64_t late = (now - timer.expiration).ticks();
  const bool skip =
      IsLazy(timer.config) && !timer.skipped && timer.count - late < timer.count / kLazyMargin;
  timer.skipped = skip;
  if (!skip) return false;
  timer.waiting = false;
  timer.expiration = Later(timer.expiration, timer.count);
  timer.due = timer.expiration;
  return true;
}

bool SyntheticTimers::Send(const Timer& timer, RefTime now) {
  if (IsDirect(timer.config)) {
    const auto vector = static_cast<uint8_t>(StimerConfig::ApicVector::Get(timer.config));
    interrupts_.RequestFixed(config_.vp, Vector(vector), EoiMode::kNormal);
    return true;
  }
  const std::optional<SintIndex> sint =
      SintIndex::FromGuest(StimerConfig::SintIndex::Get(timer.config));
  if (!sint.has_value()) return false;  // a field of four bits is always an index
  tlfs::MessageHeader header;
  header.type = tlfs::MessageType::kTimerExpired;
  header.payload_size = sizeof(tlfs::TimerMessagePayload);
  tlfs::TimerMessagePayload payload;
  payload.timer_index = static_cast<uint32_t>(&timer - timers_.data());
  payload.expiration_time = timer.expiration.ticks();
  payload.delivery_time = now.ticks();
  return messages_.Deliver(*sint, header, std::as_bytes(std::span(&payload, 1))) ==
         Delivery::kDelivered;
}

void SyntheticTimers::UpdateDeadline() {
  RefTime earliest = kNever;
  for (const Timer& timer : timers_) earliest = std::min(earliest, timer.due);
  if (earliest == deadline_) return;
  deadline_ = earliest;
  scheduler_.SetDeadline(config_.vp, NextDeadline());
}

void SyntheticTimers::Reset() {
  timers_.fill(Timer());
  UpdateDeadline();
}

}  // namespace hvkit::hyperv
