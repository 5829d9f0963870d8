// Synthetic timers: four on each processor, in message and direct mode, periodic and one-shot, all
// processors at once; then what happens to a message whose slot is busy or whose page is off.
//
// On the command line `cpus=N`, `periods=N` (of 20 ms), and `kvm=1` where KVM's own emulation
// answers: it makes up for no missed period, and forgets to retry when a message page comes on.

#include <cstddef>
#include <cstring>
#include <utility>

#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"
#include "testing/guests/lib/synic.h"
#include "testing/guests/lib/text.h"

namespace hvkit::guest {
namespace {

using tlfs::StimerConfig;

constexpr unsigned kMaxCpus = 2;
constexpr unsigned kTimers = tlfs::kStimerCount;
constexpr unsigned kFirstSint = 2;  // timer i has the SINT kFirstSint + i
constexpr uint8_t kFirstVector = 0x50;
constexpr uint64_t kPeriod = 20 * kTicksPerMs;
constexpr uint64_t kCaughtUp = 3;  // periods that the model makes up for
constexpr uint64_t kMaxPeriods = 1000;
constexpr uint64_t kPairs = 8;
constexpr uint64_t kTimeLimit = 60 * kTicksPerSecond;
constexpr uint64_t kSoon = 30 * kTicksPerMs;
constexpr uint64_t kPast = 1;  // a time that has passed

enum class Mode : uint8_t { kMessage, kDirect };

// What came of one timer. While it runs its processor alone writes it.
struct Signals {
  Mode mode;
  uint64_t count;
  uint64_t enabled_after;  // it was enabled between these two
  uint64_t enabled_before;
  uint64_t times[kMaxPeriods + 1];        // of handling
  uint64_t expirations[kMaxPeriods + 1];  // of messages
  uint64_t last_time;
  uint64_t last_expiration;
  uint64_t excused;  // periods that had passed before they could be signalled
  bool strange;      // a message that is not this timer's, or early
  bool off_schedule;
  bool lost;
};

struct Plan {
  uint64_t periods;
  bool on_kvm;
};

struct Processor {
  unsigned cpu;
  Plan plan;
  bool synic_is_on;
  bool in_time;
  Signals periodic[kTimers];
  Signals one_shot[kTimers];
  uint64_t due[kTimers];  // of the one-shots
  uint64_t last_signal;   // when it handled any timer's
  uint64_t stalled;       // periods in which it handled none, though four timers ran
  bool disabled_itself;
  Signals* current;  // one of the two above
};

Processor g_processors[kMaxCpus];

// Whether the periods between the last message and this one could not have been signalled.
bool AreExcused(const Processor& processor, const Signals& signals, uint64_t last_skipped,
                uint64_t delivery) {
  if (processor.plan.on_kvm) return last_skipped <= signals.last_time;
  return last_skipped + kCaughtUp * kPeriod <= delivery;
}

void FollowSchedule(const Processor& processor, Signals& signals,
                    const tlfs::TimerMessagePayload& payload) {
  const uint64_t distance = payload.expiration_time - signals.last_expiration;
  if (distance == 0 || distance % kPeriod != 0) signals.off_schedule = true;
  if (distance <= kPeriod) return;
  const uint64_t last_skipped = payload.expiration_time - kPeriod;
  signals.excused += distance / kPeriod - 1;
  if (!AreExcused(processor, signals, last_skipped, payload.delivery_time)) signals.lost = true;
}

void RecordMessage(Processor& processor, unsigned timer, Signals& signals) {
  const unsigned sint = kFirstSint + timer;
  const TimerMessage message = ReadTimerMessage(processor.cpu, sint);
  FreeSlot(processor.cpu, sint);
  const tlfs::TimerMessagePayload& payload = message.payload;
  if (!message.present || payload.timer_index != timer ||
      payload.delivery_time < payload.expiration_time) {
    signals.strange = true;
  }
  if (signals.count != 0 && processor.current == processor.periodic) {
    FollowSchedule(processor, signals, payload);
  }
  signals.last_expiration = payload.expiration_time;
  if (signals.count <= kMaxPeriods) signals.expirations[signals.count] = payload.expiration_time;
}

// A host that is busy elsewhere can keep a processor from running, and its interrupts then merge.
void NoteStall(Processor& processor, uint64_t now) {
  const uint64_t gap = now - processor.last_signal;
  if (processor.last_signal != 0 && gap > kPeriod * 3 / 2) processor.stalled += gap / kPeriod;
  processor.last_signal = now;
}

template <unsigned kCpu, unsigned kTimer>
void OnTimer() {
  Processor& processor = g_processors[kCpu];
  Signals& signals = processor.current[kTimer];
  if (signals.mode == Mode::kMessage) RecordMessage(processor, kTimer, signals);
  signals.last_time = Now();
  if (processor.current == processor.periodic) NoteStall(processor, signals.last_time);
  if (signals.count <= kMaxPeriods) signals.times[signals.count] = signals.last_time;
  ++signals.count;
}

uint8_t VectorOf(unsigned cpu, unsigned timer) {
  return static_cast<uint8_t>(kFirstVector + cpu * kTimers + timer);
}

template <size_t... kIndices>
void SetHandlers(std::index_sequence<kIndices...>) {
  (SetIrqHandler(VectorOf(kIndices / kTimers, kIndices % kTimers),
                 OnTimer<kIndices / kTimers, kIndices % kTimers>),
   ...);
}

StimerConfig ConfigOf(unsigned cpu, unsigned timer, Mode mode) {
  return mode == Mode::kMessage ? MessageTimer(kFirstSint + timer)
                                : DirectTimer(VectorOf(cpu, timer));
}

void SetSints(unsigned cpu) {
  for (unsigned timer = 0; timer < kTimers; ++timer) {
    SetSint(kFirstSint + timer, SintWithVector(VectorOf(cpu, timer)));
  }
}

bool AllCounted(const Signals (&timers)[kTimers], uint64_t count) {
  for (const Signals& signals : timers) {
    if (signals.count < count) return false;
  }
  return true;
}

void RunPeriodic(Processor& processor) {
  processor.current = processor.periodic;
  for (unsigned timer = 0; timer < kTimers; ++timer) {
    Signals& signals = processor.periodic[timer];
    StimerConfig config = ConfigOf(processor.cpu, timer, signals.mode);
    StimerConfig::Periodic::Set(config, 1);
    SetTimerConfig(timer, config);
    signals.enabled_after = Now();
    SetTimerCount(timer, kPeriod);
    signals.enabled_before = Now();
  }
  const uint64_t limit = Now() + kTimeLimit;
  while (!AllCounted(processor.periodic, processor.plan.periods + 1) && Now() < limit) {
    WaitForInterrupt();
  }
  processor.in_time = Now() < limit;
  processor.last_signal = 0;
  for (unsigned timer = 0; timer < kTimers; ++timer) SetTimerConfig(timer, {});
}

void RunOneShots(Processor& processor) {
  ServeInterruptsUntil(Now() + kPeriod);  // what periodic timers sent last
  processor.current = processor.one_shot;
  for (unsigned timer = 0; timer < kTimers; ++timer) {
    SetTimerConfig(timer, ConfigOf(processor.cpu, timer, processor.one_shot[timer].mode));
    processor.due[timer] = Now() + kSoon + timer * kTicksPerMs;
    SetTimerCount(timer, processor.due[timer]);
  }
  const uint64_t limit = Now() + kTimeLimit;
  while (!AllCounted(processor.one_shot, 1) && Now() < limit) ServeInterruptsUntil(Now() + kSoon);
  ServeInterruptsUntil(Now() + kSoon);
  processor.disabled_itself = true;
  for (unsigned timer = 0; timer < kTimers; ++timer) {
    if (StimerConfig::Enable::Get(TimerConfig(timer)) != 0) processor.disabled_itself = false;
    SetTimerConfig(timer, {});
  }
}

void RunTimers(void* argument) {
  auto& processor = *static_cast<Processor*>(argument);
  processor.synic_is_on = EnableSynic(processor.cpu);
  SetSints(processor.cpu);
  RunPeriodic(processor);
  RunOneShots(processor);
}

// A check's name, with the timer that it is about.
Text NameOf(const Processor& processor, unsigned timer, Mode mode, const char* what) {
  Text name;
  name.Append(mode == Mode::kMessage ? "message" : "direct").Append(" timer ");
  name.AppendDecimal(timer).Append(" of processor ").AppendDecimal(processor.cpu);
  name.Append(": ").Append(what);
  return name;
}

// How many periods lie between two signals. A message says which period it is of; an interrupt does
// not, and one that was merged with the next while its processor stood still is counted in.
uint64_t PeriodsBetween(const Processor& processor, const Signals& signals, uint64_t from,
                        uint64_t to) {
  if (signals.mode == Mode::kMessage) {
    return (signals.expirations[to] - signals.expirations[from]) / kPeriod;
  }
  const uint64_t heard = to - from;
  const uint64_t passed = (signals.times[to] - signals.times[from] + kPeriod / 2) / kPeriod;
  const uint64_t missing = passed > heard ? passed - heard : 0;
  return heard + (missing <= processor.stalled ? missing : 0);
}

uint64_t ErrorOf(uint64_t mean) { return mean > kPeriod ? mean - kPeriod : kPeriod - mean; }

// The mean interval between deliveries is the period within 1 %. A busy host may have delayed the
// first or the last one by more than that, so several pairs are tried.
void CheckMean(const Processor& processor, unsigned timer) {
  const Signals& signals = processor.periodic[timer];
  uint64_t best = 0;
  for (uint64_t i = 0; i < kPairs; ++i) {
    const uint64_t last = processor.plan.periods - kPairs + 1 + i;
    const uint64_t periods = PeriodsBetween(processor, signals, i, last);
    const uint64_t mean = periods == 0 ? 0 : (signals.times[last] - signals.times[i]) / periods;
    if (ErrorOf(mean) < ErrorOf(best)) best = mean;
  }
  Text detail;
  detail.AppendDecimal(best).Append(", periods stalled ").AppendDecimal(processor.stalled);
  Check(ErrorOf(best) <= kPeriod / 100,
        NameOf(processor, timer, signals.mode, "the mean interval is its period").c_str(),
        detail.c_str());
}

void CheckSchedule(const Processor& processor, unsigned timer) {
  const Signals& signals = processor.periodic[timer];
  Text detail;
  detail.AppendDecimal(signals.excused).Append(" skipped; last ");
  detail.AppendDecimal(signals.last_expiration - signals.expirations[0]);
  Check(!signals.strange && !signals.off_schedule,
        NameOf(processor, timer, signals.mode, "expiration times keep the schedule").c_str(),
        signals.strange ? "a strange message" : detail.c_str());
  Check(!signals.lost, NameOf(processor, timer, signals.mode, "no signal is lost").c_str(),
        detail.c_str());
}

// The first period begins when the timer is enabled.
void CheckStart(const Processor& processor, unsigned timer) {
  const Signals& signals = processor.periodic[timer];
  const uint64_t phase = (signals.expirations[0] - signals.enabled_after) % kPeriod;
  Text detail;
  detail.AppendDecimal(phase).Append(" after the write began, which took ");
  detail.AppendDecimal(signals.enabled_before - signals.enabled_after);
  Check(phase <= signals.enabled_before - signals.enabled_after,
        NameOf(processor, timer, signals.mode, "its periods begin when it is enabled").c_str(),
        detail.c_str());
}

void CheckOneShot(const Processor& processor, unsigned timer) {
  const Signals& signals = processor.one_shot[timer];
  CheckEqual(signals.count, 1, NameOf(processor, timer, signals.mode, "one signal").c_str());
  Check(signals.times[0] >= processor.due[timer],
        NameOf(processor, timer, signals.mode, "not before its time").c_str());
  if (signals.mode == Mode::kDirect) return;
  CheckEqual(signals.last_expiration, processor.due[timer],
             NameOf(processor, timer, signals.mode, "ExpirationTime is its count").c_str());
}

void CheckProcessor(const Processor& processor) {
  if (processor.stalled != 0) {
    Print(Text().Append("periods stalled: ").AppendDecimal(processor.stalled).c_str());
  }
  Check(processor.synic_is_on, "the SynIC can be turned on");
  Check(processor.in_time, "all periods come");
  for (unsigned timer = 0; timer < kTimers; ++timer) {
    CheckMean(processor, timer);
    if (processor.periodic[timer].mode == Mode::kMessage) {
      CheckStart(processor, timer);
      CheckSchedule(processor, timer);
    }
    CheckOneShot(processor, timer);
  }
  Check(processor.disabled_itself, "one-shot timers disable themselves");
}

// A run of all timers on all processors. `first` is the mode of timers 0 and 1 while they are
// periodic, and of timers 2 and 3 while they are one-shot; the others have the other one.
void RunAll(unsigned cpus, const Plan& plan, Mode first) {
  const Mode second = first == Mode::kMessage ? Mode::kDirect : Mode::kMessage;
  for (unsigned cpu = 0; cpu < cpus; ++cpu) {
    Processor& processor = g_processors[cpu];
    std::memset(&processor, 0, sizeof(processor));
    processor.cpu = cpu;
    processor.plan = plan;
    for (unsigned timer = 0; timer < kTimers; ++timer) {
      processor.periodic[timer].mode = timer < 2 ? first : second;
      processor.one_shot[timer].mode = timer < 2 ? second : first;
    }
  }
  for (unsigned cpu = 1; cpu < cpus; ++cpu) PostTo(cpu, RunTimers, &g_processors[cpu]);
  RunTimers(&g_processors[0]);
  for (unsigned cpu = 1; cpu < cpus; ++cpu) WaitFor(cpu);
  for (unsigned cpu = 0; cpu < cpus; ++cpu) CheckProcessor(g_processors[cpu]);
}

// The rest is about timer 0 of each processor in turn, whose SINT is masked: the slot tells.
void StartPastTimer(uint64_t count) {
  SetTimerConfig(0, MessageTimer(kFirstSint));
  SetTimerCount(0, count);
}

bool HasMessageFor(unsigned cpu, uint64_t expiration) {
  const TimerMessage message = ReadTimerMessage(cpu, kFirstSint);
  return message.present && message.payload.expiration_time == expiration;
}

void CheckPast(unsigned cpu) {
  StartPastTimer(kPast);
  ServeInterruptsUntil(Now() + kSoon);
  Check(HasMessageFor(cpu, kPast), "a one-shot in the past expires at once");
  FreeSlot(cpu, kFirstSint);
}

void CheckBusySlot(unsigned cpu) {
  volatile tlfs::MessageHeader& header = SlotHeader(cpu, kFirstSint);
  header.type = tlfs::MessageType::kGpaIntercept;
  header.flags.raw = 0;
  const uint64_t due = Now() + kTicksPerMs;
  StartPastTimer(due);
  ServeInterruptsUntil(due + kSoon);
  Check(header.type == tlfs::MessageType::kGpaIntercept, "a busy slot keeps its message");
  CheckEqual(header.flags.raw, tlfs::MessageFlags::MessagePending::kMask,
             "a busy slot is marked as pending");
  Check(StimerConfig::Enable::Get(TimerConfig(0)) != 0, "the timer that waits stays enabled");
  FreeSlot(cpu, kFirstSint);
  ServeInterruptsUntil(Now() + kSoon);
  Check(HasMessageFor(cpu, due), "EOM brings the message, with its own expiration time");
  FreeSlot(cpu, kFirstSint);
}

void CheckPageOff(unsigned cpu) {
  SetMessagePage(cpu, false);
  const uint64_t due = Now() + kTicksPerMs;
  StartPastTimer(due);
  ServeInterruptsUntil(due + kSoon);
  SetMessagePage(cpu, true);
  ServeInterruptsUntil(Now() + kSoon);
  if (g_processors[cpu].plan.on_kvm) {
    Check(SlotIsFree(cpu, kFirstSint), "KVM does not retry when the message page comes on");
    WriteEom();
    ServeInterruptsUntil(Now() + kSoon);
  }
  Check(HasMessageFor(cpu, due),
        "a timer that expired while the message page was off is delivered");
  FreeSlot(cpu, kFirstSint);
}

void CheckSlots(unsigned cpu) {
  SetSint(kFirstSint, {});
  CheckPast(cpu);
  CheckBusySlot(cpu);
  CheckPageOff(cpu);
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  const auto cpus = static_cast<unsigned>(CmdlineNumber(boot, "cpus=", 1));
  const Plan plan = {CmdlineNumber(boot, "periods=", 100), CmdlineNumber(boot, "kvm=", 0) != 0};
  if (cpus > kMaxCpus || plan.periods > kMaxPeriods || plan.periods < 2 * kPairs) {
    Fatal("cpus= and periods=", "the guest has room for 2 and for 16 to 1000");
  }
  SetHandlers(std::make_index_sequence<kMaxCpus * kTimers>());
  StartCpus(cpus);
  StartReferenceTime();
  RunAll(cpus, plan, Mode::kMessage);
  RunAll(cpus, plan, Mode::kDirect);
  RunOnEach(cpus, CheckSlots);
}

}  // namespace hvkit::guest
