// The four synthetic timers of a virtual processor: HV_X64_MSR_STIMERx_CONFIG and _COUNT.
//
// TLFS: timers.md "Synthetic Timers". One-shot and periodic, lazy, auto-enabled, by message or (in
// direct mode) by interrupt. There is no thread and no host timer here: the host calls Poll when
// the one deadline that the timers ask for has come. A message that finds its slot busy or the
// SynIC off keeps the timer waiting, without polling, until the sink says that the slot is free.
// The time-unhalted timer is not here.
#ifndef HVKIT_HYPERV_STIMER_SYNTHETIC_TIMERS_H_
#define HVKIT_HYPERV_STIMER_SYNTHETIC_TIMERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "hyperv/host/ids.h"
#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/ref_time.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/host/vp_scheduler.h"
#include "hyperv/msr/msr_outcome.h"
#include "hyperv/policy/policy.h"
#include "hyperv/synic/message_sink.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/timer.h"

namespace hvkit::hyperv {

// Whether the partition offers direct mode (leaf 0x40000003, EDX bit 19).
enum class DirectMode : uint8_t { kAbsent, kOffered };

// Whose timers they are, and what the partition offers.
struct SyntheticTimersConfig {
  VpIndex vp;
  DirectMode direct_mode = DirectMode::kAbsent;
  StimerPolicy policy;
};

// VP thread. The sink's SlotWaiter is to be this object.
class SyntheticTimers final : public SlotWaiter {
 public:
  SyntheticTimers(const SyntheticTimersConfig& config, const ReferenceClock& clock,
                  MessageSink& messages, InterruptSink& interrupts, VpScheduler& scheduler)
      : config_(config),
        clock_(clock),
        messages_(messages),
        interrupts_(interrupts),
        scheduler_(scheduler) {}

  // The eight MSRs from STIMER0_CONFIG to STIMER3_COUNT; any other is kNotOurs. A write stops the
  // timer and starts it anew; a timer that is due then fires within the write.
  MsrRead ReadMsr(uint32_t index) const {
    const uint32_t offset = index - kFirstMsr;
    if (offset >= kMsrCount) return MsrRead::NotOurs();
    const Timer& timer = timers_[offset / 2];
    return MsrRead::Handled(offset % 2 == 0 ? timer.config.raw : timer.count);
  }
  MsrOutcome WriteMsr(uint32_t index, uint64_t value);

  // Fires what is due: each timer at most once a call, so that a guest cannot hold its VP here.
  void Poll(RefTime now) {
    if (now >= deadline_) FireDue(now);
  }

  // The deadline last given to the scheduler.
  std::optional<RefTime> NextDeadline() const {
    return deadline_ == kNever ? std::nullopt : std::optional<RefTime>(deadline_);
  }

  // As VP creation and reset leave them: stopped, all registers 0.
  void Reset();

  // SlotWaiter:
  void OnSlotFree(SintIndex sint) override;

 private:
  static constexpr RefTime kNever{std::numeric_limits<uint64_t>::max()};
  static constexpr uint32_t kFirstMsr = static_cast<uint32_t>(tlfs::MsrIndex::kStimer0Config);
  static constexpr uint32_t kMsrCount = 2 * tlfs::kStimerCount;

  struct Timer {
    tlfs::StimerConfig config;
    uint64_t count = 0;
    RefTime expiration;    // when the signal that comes next is, or was, scheduled
    RefTime due = kNever;  // when to send it; never while stopped or waiting
    bool waiting = false;  // due, but its message could not be delivered
    bool skipped = false;  // lazy: the previous signal was skipped
  };

  [[nodiscard]] bool IsValid(tlfs::StimerConfig config) const;
  MsrOutcome WriteConfig(Timer& timer, tlfs::StimerConfig config);
  void WriteCount(Timer& timer, uint64_t count);
  void Restart(Timer& timer);
  void FireDue(RefTime now);
  void Fire(Timer& timer, RefTime time);
  void SkipMissed(Timer& timer, RefTime now) const;
  [[nodiscard]] bool SkipLate(Timer& timer, RefTime now) const;
  [[nodiscard]] bool Send(const Timer& timer, RefTime now);
  void UpdateDeadline();

  RefTime deadline_ = kNever;  // the earliest `due`
  std::array<Timer, tlfs::kStimerCount> timers_;
  const SyntheticTimersConfig config_;
  const ReferenceClock& clock_;
  MessageSink& messages_;
  InterruptSink& interrupts_;
  VpScheduler& scheduler_;
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_STIMER_SYNTHETIC_TIMERS_H_
