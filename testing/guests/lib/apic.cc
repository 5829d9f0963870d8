#include "testing/guests/lib/apic.h"

#include "testing/guests/lib/cpu.h"

namespace hvkit::guest {
namespace {

constexpr uint32_t kApicBaseMsr = 0x1b;
constexpr uint64_t kApicBaseEnable = 1 << 11;
constexpr uint64_t kApicBaseX2Apic = 1 << 10;
constexpr uint64_t kXApicAddress = 0xfee00000;
constexpr uint32_t kX2ApicMsrs = 0x800;

// Registers, by their x2APIC numbers; xAPIC has them at 16 times that.
constexpr uint32_t kId = 0x02;
constexpr uint32_t kEoi = 0x0b;
constexpr uint32_t kSpurious = 0x0f;
constexpr uint32_t kInService = 0x10;  // the first of eight
constexpr uint32_t kIcrLow = 0x30;
constexpr uint32_t kIcrHigh = 0x31;
constexpr uint32_t kLvtTimer = 0x32;
constexpr uint32_t kTimerInitialCount = 0x38;
constexpr uint32_t kTimerCurrentCount = 0x39;
constexpr uint32_t kTimerDivide = 0x3e;

constexpr uint32_t kSpuriousApicOn = 0x100;
constexpr uint32_t kLvtMasked = 1 << 16;
constexpr uint32_t kDivideByOne = 0xb;
constexpr uint32_t kLongestCount = 0xffffffff;
constexpr uint32_t kIcrPending = 1 << 12;
constexpr uint32_t kIcrAssert = 1 << 14;
constexpr uint32_t kIcrInit = 5 << 8;
constexpr uint32_t kIcrStartUp = 6 << 8;
constexpr uint32_t kIcrAllButSelf = 3 << 18;

bool HasX2Apic() { return (Cpuid(1).ecx & (1 << 21)) != 0; }

bool InX2ApicMode() { return (ReadMsr(kApicBaseMsr).value & kApicBaseX2Apic) != 0; }

volatile uint32_t& XApic(uint32_t reg) {
  return *reinterpret_cast<volatile uint32_t*>(kXApicAddress + uint64_t{reg} * 16);
}

uint32_t Read(uint32_t reg) {
  if (InX2ApicMode()) return static_cast<uint32_t>(ReadMsr(kX2ApicMsrs + reg).value);
  return XApic(reg);
}

void Write(uint32_t reg, uint32_t value) {
  if (InX2ApicMode()) {
    (void)WriteMsr(kX2ApicMsrs + reg, value);
  } else {
    XApic(reg) = value;
  }
}

void WriteIcr(uint32_t destination, uint32_t command) {
  if (InX2ApicMode()) {
    (void)WriteMsr(kX2ApicMsrs + kIcrLow, uint64_t{destination} << 32 | command);
    return;
  }
  XApic(kIcrHigh) = destination << 24;
  XApic(kIcrLow) = command;
  while ((XApic(kIcrLow) & kIcrPending) != 0) Pause();
}

// Real processors want 10 ms after INIT and 200 us after a start-up IPI; virtual ones want nothing.
// This is about that.
void WaitCycles(uint64_t cycles) {
  const uint64_t start = Rdtsc();
  while (Rdtsc() - start < cycles) Pause();
}

void Start(uint32_t destination, uint32_t shorthand, uint8_t page) {
  WriteIcr(destination, shorthand | kIcrAssert | kIcrInit);
  WaitCycles(10'000'000);
  for (int i = 0; i < 2; ++i) {
    WriteIcr(destination, shorthand | kIcrAssert | kIcrStartUp | page);
    WaitCycles(200'000);
  }
}

}  // namespace

void EnableApic() {
  uint64_t base = ReadMsr(kApicBaseMsr).value | kApicBaseEnable;
  if (HasX2Apic()) base |= kApicBaseX2Apic;
  (void)WriteMsr(kApicBaseMsr, base);
  Write(kSpurious, kSpuriousApicOn | kSpuriousVector);
}

uint32_t ApicId() {
  if (InX2ApicMode()) return static_cast<uint32_t>(ReadMsr(kX2ApicMsrs + kId).value);
  return XApic(kId) >> 24;
}

bool IsInService(uint8_t vector) {
  return (Read(kInService + vector / 32U) >> vector % 32U & 1) != 0;
}

void EndOfInterrupt() { Write(kEoi, 0); }

void SendIpi(uint32_t apic_id, uint8_t vector) { WriteIcr(apic_id, kIcrAssert | vector); }

void StartOtherCpus(uint8_t page) { Start(0, kIcrAllButSelf, page); }

void StartCpu(uint32_t apic_id, uint8_t page) { Start(apic_id, 0, page); }

void StartApicTimer() {
  Write(kLvtTimer, kLvtMasked);
  Write(kTimerDivide, kDivideByOne);
  Write(kTimerInitialCount, kLongestCount);
}

uint64_t ApicTimerTicks() { return kLongestCount - Read(kTimerCurrentCount); }

}  // namespace hvkit::guest
