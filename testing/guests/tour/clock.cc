#include "testing/guests/tour/clock.h"

#include "testing/guests/lib/hyperv.h"

namespace hvkit::guest {
namespace {

constexpr uint64_t kAssumedHz = 2'000'000'000;
constexpr uint64_t kMeasuredTicks = 100'000;  // 10 ms of reference time
constexpr uint64_t kTicksPerSecond = 10'000'000;
constexpr uint64_t kHzPerKhz = 1000;

constinit uint64_t g_hz = 0;

uint64_t RefCount() { return ReadMsr(tlfs::MsrIndex::kTimeRefCount).value; }

uint64_t MeasureFrequency() {
  const uint64_t first = RefCount();
  const uint64_t start = Rdtsc();
  uint64_t last = first;
  while (last - first < kMeasuredTicks) last = RefCount();
  return (Rdtsc() - start) * kTicksPerSecond / (last - first);
}

}  // namespace

void LearnTscFrequency() {
  if (CpuidHas(tlfs::bits::kAccessFrequency)) {
    g_hz = ReadMsr(tlfs::MsrIndex::kTscFrequency).value;
  } else if (CpuidHas(tlfs::bits::kAccessTimeRefCount)) {
    g_hz = MeasureFrequency();
  }
}

uint64_t TscFrequency() { return g_hz; }

Amount Duration(uint64_t cycles) { return MeanDuration(cycles, 1); }

Amount MeanDuration(uint64_t cycles, uint64_t count) {
  constexpr uint64_t kTenthsOfNsPerMs = 10'000'000;
  if (g_hz < kHzPerKhz) return {cycles * 10 / count, "cycles"};
  return {cycles * kTenthsOfNsPerMs / (g_hz / kHzPerKhz) / count, "ns"};
}

uint64_t CyclesOfMicroseconds(uint64_t us) {
  constexpr uint64_t kUsPerSecond = 1'000'000;
  return us * ((g_hz == 0 ? kAssumedHz : g_hz) / kUsPerSecond);
}

void Spin(uint64_t us) {
  const uint64_t start = Rdtsc();
  EnableInterrupts();
  while (Rdtsc() - start < CyclesOfMicroseconds(us)) Pause();
  DisableInterrupts();
}

}  // namespace hvkit::guest
