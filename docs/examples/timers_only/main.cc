// Hyper-V's synthetic timers and reference time in a simulation: no KVM, no threads, no real time.
//
// The simulation's own parts stand behind four small interfaces: a clock that it moves, a scheduler
// that remembers the next deadline, and sinks that print what the timers send.
#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>

#include "hyperv/host/interrupt_sink.h"
#include "hyperv/host/reference_clock.h"
#include "hyperv/host/vp_scheduler.h"
#include "hyperv/reference_time/tsc_scale.h"
#include "hyperv/stimer/synthetic_timers.h"
#include "hyperv/synic/message_sink.h"
#include "hyperv/tlfs/msr.h"

namespace {

using namespace hvkit::hyperv;  // An example may

constexpr uint64_t kTscHz = 2'500'000'000;

// Time in units of 100 ns, moved by the simulation.
class SimulatedClock final : public ReferenceClock {
 public:
  void MoveTo(RefTime time) { now_ = time; }
  RefTime Now() const override { return now_; }
  std::optional<TscParameters> InvariantTsc() const override {
    return ParametersOfTsc(kTscHz, 0, RefTime(0));
  }

 private:
  RefTime now_{0};
};

class SimulatedScheduler final : public VpScheduler {
 public:
  std::optional<RefTime> deadline() const { return deadline_; }
  void Kick(VpIndex) override {}
  void SetDeadline(VpIndex, std::optional<RefTime> deadline) override { deadline_ = deadline; }

 private:
  std::optional<RefTime> deadline_;
};

class PrintedInterrupts final : public InterruptSink {
 public:
  explicit PrintedInterrupts(const ReferenceClock& clock) : clock_(clock) {}
  void RequestFixed(VpIndex, Vector vector, EoiMode) override {
    std::printf("%6lu us: interrupt %#x\n", clock_.Now().ticks() / 10, vector.value());
  }
  bool SupportsAutoEoi() const override { return false; }

 private:
  const ReferenceClock& clock_;
};

class PrintedMessages final : public MessageSink {
 public:
  explicit PrintedMessages(const ReferenceClock& clock) : clock_(clock) {}
  Delivery Deliver(SintIndex sint, const tlfs::MessageHeader& header,
                   std::span<const std::byte>) override {
    std::printf("%6lu us: message %#x for SINT %d\n", clock_.Now().ticks() / 10,
                static_cast<unsigned>(header.type), sint.value());
    return Delivery::kDelivered;
  }

 private:
  const ReferenceClock& clock_;
};

// STIMER0_CONFIG, STIMER0_COUNT, STIMER1_CONFIG and so on.
constexpr auto kFirstTimerMsr = static_cast<uint32_t>(tlfs::MsrIndex::kStimer0Config);

// Timer 0: an interrupt every millisecond. Timer 1: one message, 2.5 ms from the start.
[[nodiscard]] bool StartTimers(SyntheticTimers& timers) {
  tlfs::StimerConfig periodic;
  tlfs::StimerConfig::Periodic::Set(periodic, 1);
  tlfs::StimerConfig::AutoEnable::Set(periodic, 1);
  tlfs::StimerConfig::DirectMode::Set(periodic, 1);
  tlfs::StimerConfig::ApicVector::Set(periodic, 0x50);
  tlfs::StimerConfig once;
  tlfs::StimerConfig::AutoEnable::Set(once, 1);
  tlfs::StimerConfig::SintIndex::Set(once, 2);
  const auto write = [&timers](unsigned offset, uint64_t value) {
    return timers.WriteMsr(kFirstTimerMsr + offset, value) == MsrOutcome::kHandled;
  };
  return write(0, periodic.raw) && write(1, 10'000) && write(2, once.raw) && write(3, 25'000);
}

// What a guest would compute from the reference TSC page.
void PrintReferenceTime(const ReferenceClock& clock) {
  const uint64_t tsc = clock.Now().ticks() * (kTscHz / RefDuration::kTicksPerSecond);
  const RefTime read = ReferenceTimeAt(tsc, clock.InvariantTsc().value());
  std::printf("%6lu us: a TSC of %lu reads as %lu\n", clock.Now().ticks() / 10, tsc, read.ticks());
}

}  // namespace

int main() {
  SimulatedClock clock;
  SimulatedScheduler scheduler;
  PrintedInterrupts interrupts(clock);
  PrintedMessages messages(clock);
  SyntheticTimers timers({.vp = VpIndex(0), .direct_mode = DirectMode::kOffered, .policy = {}},
                         clock, messages, interrupts, scheduler);
  if (!StartTimers(timers)) return 1;
  while (scheduler.deadline() && *scheduler.deadline() <= RefTime(40'000)) {
    clock.MoveTo(*scheduler.deadline());
    timers.Poll(clock.Now());
  }
  PrintReferenceTime(clock);
  return 0;
}
