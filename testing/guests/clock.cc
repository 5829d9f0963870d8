// Reference time on all processors: TIME_REF_COUNT lies between two reads of the TSC page around
// it, neither ever goes back, whichever processor reads, and the frequency MSRs agree with a clock
// of their own, the local APIC's timer. `cpus=N` and `readings=N` (for each processor) on the
// command line.

#include <atomic>

#include "testing/guests/lib/apic.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/layout.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"
#include "testing/guests/lib/text.h"

namespace hvkit::guest {
namespace {

constexpr uint64_t kDefaultReadings = 100'000;
constexpr uint64_t kTicksPerSecond = 10'000'000;
constexpr uint64_t kMeasuredTicks = kTicksPerSecond / 2;
constexpr uint64_t kPartsPerMillion = 1'000'000;
constexpr uint64_t kTolerance = 10'000;  // parts per million: hosts calibrate their TSC that well

// What a processor saw.
struct Readings {
  uint64_t wanted;
  bool page_is_valid;
  bool between;
  bool monotonic;
  uint64_t last[3];  // of the first failure: before, count, after
};

constinit Readings g_readings[MAX_CPUS] = {};
constinit std::atomic<uint64_t> g_latest = 0;  // of what any processor read
constinit std::atomic<unsigned> g_started = 0;
constinit unsigned g_cpus = 1;

uint64_t RefCount() { return ReadMsr(tlfs::MsrIndex::kTimeRefCount).value; }

// Whether `time` is not before what any processor had read when `floor` was taken.
bool Publish(uint64_t time, uint64_t floor) {
  uint64_t latest = g_latest.load();
  while (latest < time && !g_latest.compare_exchange_weak(latest, time)) {
  }
  return time >= floor;
}

void ReadOnce(Readings& readings) {
  uint64_t floor = g_latest.load();
  const ReferenceTime before = ReadReferenceTsc();
  readings.monotonic = Publish(before.value, floor) && readings.monotonic;
  floor = g_latest.load();
  const uint64_t count = RefCount();
  readings.monotonic = Publish(count, floor) && readings.monotonic;
  const ReferenceTime after = ReadReferenceTsc();
  readings.page_is_valid = readings.page_is_valid && before.valid && after.valid;
  if (!readings.between || (before.value <= count && count <= after.value)) return;
  readings.between = false;
  readings.last[0] = before.value;
  readings.last[1] = count;
  readings.last[2] = after.value;
}

void ReadAll(void* argument) {
  auto& readings = *static_cast<Readings*>(argument);
  readings.page_is_valid = readings.between = readings.monotonic = true;
  g_started.fetch_add(1);
  while (g_started.load() < g_cpus) Pause();
  for (uint64_t i = 0; i < readings.wanted; ++i) ReadOnce(readings);
}

void CheckReadings(unsigned cpu) {
  const Readings& readings = g_readings[cpu];
  Text on;
  on.Append(" on processor ").AppendDecimal(cpu);
  Text detail;
  for (const uint64_t value : readings.last) detail.AppendDecimal(value).Append(" ");
  Check(readings.page_is_valid,
        Text().Append("the TSC page stays valid").Append(on.c_str()).c_str());
  Check(
      readings.between,
      Text().Append("TIME_REF_COUNT lies between two reads of the page").Append(on.c_str()).c_str(),
      detail.c_str());
  Check(readings.monotonic,
        Text().Append("no reading is before one of any processor").Append(on.c_str()).c_str());
}

// One moment on three clocks.
struct Moment {
  uint64_t tsc;
  uint64_t apic;
  uint64_t ref;
  uint64_t width;  // TSC cycles that reading took
};

Moment ReadMoment() {
  const uint64_t before = Rdtsc();
  const uint64_t apic = ApicTimerTicks();
  const uint64_t ref = RefCount();
  const uint64_t after = Rdtsc();
  return {before + (after - before) / 2, apic, ref, after - before};
}

// The one of a few that was disturbed the least.
Moment ReadSharpMoment() {
  Moment best = ReadMoment();
  for (int i = 0; i < 16; ++i) {
    const Moment moment = ReadMoment();
    if (moment.width < best.width) best = moment;
  }
  return best;
}

// Whether `a` / `b` is `ratio` within the tolerance.
void CheckRate(uint64_t a, uint64_t b, uint64_t measured_hz, const char* name) {
  const uint64_t difference = a > b ? a - b : b - a;
  Text detail;
  detail.Append("measured ").AppendDecimal(measured_hz).Append(", ratio ");
  detail.AppendDecimal(a).Append(" / ").AppendDecimal(b);
  Check(difference <= b / kPartsPerMillion * kTolerance, name, detail.c_str());
}

void CheckFrequencies() {
  const uint64_t tsc_hz = ReadMsr(tlfs::MsrIndex::kTscFrequency).value;
  const uint64_t apic_hz = ReadMsr(tlfs::MsrIndex::kApicFrequency).value;
  StartApicTimer();
  const Moment start = ReadSharpMoment();
  while (RefCount() - start.ref < kMeasuredTicks) Pause();
  const Moment end = ReadSharpMoment();
  // By the APIC's clock, whose rate APIC_FREQUENCY tells. The products fit: half a second of each.
  const uint64_t apic_ticks = end.apic - start.apic;
  const uint64_t tsc_expected = apic_ticks * tsc_hz / apic_hz;
  const uint64_t ref_expected = apic_ticks * kTicksPerSecond / apic_hz;
  CheckRate(end.tsc - start.tsc, tsc_expected, tsc_hz,
            "the TSC and the APIC timer run at their rates");
  CheckRate(end.ref - start.ref, ref_expected, apic_hz,
            "reference time and the APIC timer run at their rates");
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  g_cpus = static_cast<unsigned>(CmdlineNumber(boot, "cpus=", 1));
  StartCpus(g_cpus);
  CheckFrequencies();
  Check(!ReadReferenceTsc().valid, "the TSC page is not valid before it is turned on");
  Check(EnableReferenceTsc(), "the TSC page can be turned on");
  const uint64_t wanted = CmdlineNumber(boot, "readings=", kDefaultReadings);
  for (unsigned cpu = 0; cpu < g_cpus; ++cpu) g_readings[cpu].wanted = wanted;
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) PostTo(cpu, ReadAll, &g_readings[cpu]);
  ReadAll(&g_readings[0]);
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) WaitFor(cpu);
  for (unsigned cpu = 0; cpu < g_cpus; ++cpu) CheckReadings(cpu);
}

}  // namespace hvkit::guest
