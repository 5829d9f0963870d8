// Clocks, and what a processor knows of itself.

#include "testing/guests/lib/apic.h"
#include "testing/guests/lib/cpu.h"
#include "testing/guests/tour/clock.h"
#include "testing/guests/tour/sights.h"

namespace hvkit::guest {
namespace {

using tlfs::MsrIndex;

constexpr uint64_t kReads = 1000;
constexpr uint64_t kTicksPerSecond = 10'000'000;
constexpr uint64_t kNsPerTick = 100;
constexpr uint64_t kPartsPerMillion = 1'000'000;
constexpr uint64_t kTolerance = 10'000;  // parts per million

uint64_t RefCount() { return ReadMsr(MsrIndex::kTimeRefCount).value; }

uint64_t Distance(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

// One moment on two clocks.
struct Moment {
  uint64_t tsc;
  uint64_t ref;
  uint64_t width;  // TSC cycles that reading took
};

Moment ReadMoment() {
  const uint64_t before = Rdtsc();
  const uint64_t ref = RefCount();
  const uint64_t after = Rdtsc();
  return {before + (after - before) / 2, ref, after - before};
}

// The one of a few that was disturbed the least.
Moment ReadSharpMoment() {
  Moment best = ReadMoment();
  for (int i = 0; i < 32; ++i) {
    const Moment moment = ReadMoment();
    if (moment.width < best.width) best = moment;
  }
  return best;
}

// By how many parts per million the TSC's frequency is wrong, by the reference time.
uint64_t MeasureDeviation(uint64_t tsc_hz) {
  const Moment first = ReadSharpMoment();
  Spin(50'000);
  const Moment last = ReadSharpMoment();
  const uint64_t expected = (last.tsc - first.tsc) * kTicksPerSecond / tsc_hz;
  return Distance(last.ref - first.ref, expected) * kPartsPerMillion / expected;
}

void ComparePage(Visit& visit, Amount by_msr) {
  bool in_order = true;
  const Amount by_page = TimeOf(kReads, [] { (void)ReadReferenceTsc(); });
  for (uint64_t i = 0; i < kReads; ++i) {
    const uint64_t before = ReadReferenceTsc().value;
    const uint64_t count = RefCount();
    in_order = in_order && before <= count && count <= ReadReferenceTsc().value;
  }
  if (!in_order) visit.Fail("the register and the page are two clocks");
  Append(visit.did().Append(" and from the TSC page in "), by_page);
  Append(visit.did().Append(", "), Ratio(by_msr, by_page)).Append(" as fast; they agree");
  visit.Measure("read from the TSC page", by_page);
  visit.Measure("the page is faster", Ratio(by_msr, by_page));
}

}  // namespace

void VisitTime(Visit& visit) {
  const Amount by_msr = TimeOf(kReads, [] { (void)RefCount(); });
  Append(visit.did().Append("the time is read from its register in "), by_msr);
  visit.Measure("read from the register", by_msr);
  const bool has_page = CpuidHas(tlfs::bits::kAccessReferenceTsc) && EnableReferenceTsc();
  if (has_page && ReadReferenceTsc().valid) {
    ComparePage(visit, by_msr);
  } else {
    visit.did().Append("; there is no valid TSC page here");
  }
}

void VisitFrequencies(Visit& visit) {
  constexpr uint64_t kHzPerMhz = 1'000'000;
  const uint64_t tsc = ReadMsr(MsrIndex::kTscFrequency).value;
  const uint64_t apic = ReadMsr(MsrIndex::kApicFrequency).value;
  if (tsc == 0 || apic == 0) visit.Fail("a frequency is 0");
  visit.did().Append("the TSC runs at ").AppendDecimal(tsc / kHzPerMhz);
  visit.did().Append(" MHz, the APIC's timer at ").AppendDecimal(apic / kHzPerMhz).Append(" MHz");
  visit.Measure("TSC", Whole(tsc / kHzPerMhz, "MHz"));
  visit.Measure("APIC timer", Whole(apic / kHzPerMhz, "MHz"));
  if (!CpuidHas(tlfs::bits::kAccessTimeRefCount) || tsc == 0) return;
  const uint64_t off = MeasureDeviation(tsc);
  if (off > kTolerance) visit.Fail("the TSC has another frequency");
  visit.did().Append("; by the reference time the TSC is ").AppendDecimal(off).Append(" ppm off");
  visit.Measure("off by the reference time", Whole(off, "ppm"));
}

void VisitTscInvariant(Visit& visit) {
  constexpr uint32_t kPowerLeaf = 0x80000007;
  constexpr uint32_t kInvariantTsc = 1 << 8;
  const bool before = (Cpuid(kPowerLeaf).edx & kInvariantTsc) != 0;
  (void)WriteMsr(MsrIndex::kTscInvariantControl, 1);
  const bool after = (Cpuid(kPowerLeaf).edx & kInvariantTsc) != 0;
  if (ReadMsr(MsrIndex::kTscInvariantControl).value != 1) {
    visit.Fail("the control register does not read back");
  }
  visit.did().Append("CPUID's invariant TSC was ").Append(before ? "on" : "off");
  visit.did().Append("; asked for, it is ").Append(after ? "on" : "off");
}

void VisitReenlightenment(Visit& visit) {
  constexpr uint64_t kVector = 0xee;
  tlfs::ReenlightenmentControl control;
  tlfs::ReenlightenmentControl::Vector::Set(control, kVector);
  tlfs::ReenlightenmentControl::Enabled::Set(control, 1);
  (void)WriteMsr(MsrIndex::kReenlightenmentControl, control.raw);
  if (ReadMsr(MsrIndex::kReenlightenmentControl).value != control.raw) {
    visit.Fail("the control register does not read back");
  }
  const uint64_t status = ReadMsr(MsrIndex::kTscEmulationStatus).value;
  (void)WriteMsr(MsrIndex::kReenlightenmentControl, 0);
  visit.did().Append("asked to be told of another TSC frequency; it is ");
  visit.did().Append(status == 0 ? "not " : "").Append("being emulated");
}

void VisitRuntime(Visit& visit) {
  constexpr uint64_t kSpinUs = 50'000;
  const uint64_t start = Rdtsc();
  const uint64_t first = ReadMsr(MsrIndex::kVpRuntime).value;
  Spin(kSpinUs);
  const Amount ran = Whole((ReadMsr(MsrIndex::kVpRuntime).value - first) * kNsPerTick, "ns");
  const Amount passed = Duration(Rdtsc() - start);
  if (ran.tenths == 0) visit.Fail("the register does not grow");
  Append(visit.did().Append("while "), passed).Append(" passed this processor ran ");
  Append(visit.did(), ran);
  visit.Measure("ran", ran);
  if (TscFrequency() != 0) visit.Measure("of the time", Percent(ran, passed));
}

void VisitVpIndex(Visit& visit) {
  const Amount read = TimeOf(kReads, [] { (void)ReadMsr(MsrIndex::kVpIndex); });
  visit.did().Append("the processors have the indices");
  for (unsigned cpu = 0; cpu < Processors(); ++cpu) {
    visit.did().Append(" ").AppendDecimal(VpIndexOf(cpu));
    for (unsigned other = 0; other < cpu; ++other) {
      if (VpIndexOf(cpu) == VpIndexOf(other)) visit.Fail("two processors have one index");
    }
  }
  Append(visit.did().Append("; a read takes "), read);
  visit.Measure("read", read);
}

}  // namespace hvkit::guest
