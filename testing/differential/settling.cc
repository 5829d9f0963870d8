#include "testing/differential/settling.h"

#include <utility>

#include "hyperv/tlfs/msr.h"
#include "testing/differential/program.h"
#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/layout.h"
#include "testing/guests/lib/report.h"

namespace hvkit::guest {
namespace {

using testing::kCountedVectors;
using testing::kFirstCountedVector;
using tlfs::MsrIndex;

// Above what any program's TPR holds back (generator.cc).
constexpr uint8_t kWakeVector = 0xe0;
constexpr uint8_t kSettledVector = 0xe1;
// Of 100 ns. Threads run while the processor is halted; those for devices wake each other. A host
// that lets the rig wait ends the first round at once, but hardly the next.
constexpr uint64_t kTimerRound = testing::kSoonest + 500;
constexpr uint64_t kDeviceRound = 3000;
constexpr int kTimerRounds = 2;
constexpr int kDeviceRounds = 4;
constexpr unsigned kMostCounted = 15;

// Of the x2APIC (Intel SDM volume 3, table 11-6).
constexpr uint32_t kX2ApicEoi = 0x80b;
constexpr uint32_t kX2ApicIcr = 0x830;
constexpr uint64_t kToAllButSelf = 3 << 18;

// Of one VP; its handlers and its code, with interrupts off, use it.
struct alignas(64) Log {
  uint8_t counts[kCountedVectors];
  volatile bool counted;  // one of them has come
  volatile bool settled;
};

constinit Log g_logs[testing::kMaxCpus] = {};

// The library's way costs one more exit, to ask in which mode the APIC is.
void EndOfInterrupt() { (void)WriteMsr(kX2ApicEoi, 0); }

template <unsigned kIndex>
void Count() {
  Log& log = g_logs[ThisVp()];
  log.counted = true;
  uint8_t& count = log.counts[kIndex];
  if (count != kMostCounted) ++count;
  EndOfInterrupt();
}

template <unsigned... kIndices>
void SetHandlers(std::integer_sequence<unsigned, kIndices...>) {
  (SetIrqHandler(kFirstCountedVector + kIndices, Count<kIndices>, Eoi::kNone), ...);
}

void OnSettled() {
  g_logs[ThisVp()].settled = true;
  EndOfInterrupt();
}

tlfs::StimerConfig SettlingConfig() {
  tlfs::StimerConfig config;
  tlfs::StimerConfig::AutoEnable::Set(config, 1);
  tlfs::StimerConfig::DirectMode::Set(config, 1);
  tlfs::StimerConfig::ApicVector::Set(config, kSettledVector);
  return config;
}

// What has come meanwhile, besides the timer, may still wait for its turn after that.
void Settle(uint64_t ticks) {
  constexpr uint32_t kCount = static_cast<uint32_t>(MsrIndex::kStimer0Count) + 2 * kSettlingTimer;
  volatile bool& settled = g_logs[ThisVp()].settled;
  settled = false;
  (void)WriteMsr(kCount, ReadMsr(MsrIndex::kTimeRefCount).value + ticks);
  while (!settled) AwaitInterrupt();
}

}  // namespace

unsigned ThisVp() {
  uint16_t selector;
  asm volatile("str %0" : "=r"(selector));
  return (selector - unsigned{FIRST_TSS}) / 16;
}

void PrepareSettling() {
  if (ReadMsr(kX2ApicIcr).fault.raised) Fatal("programs", "there is no x2APIC");
  SetHandlers(std::make_integer_sequence<unsigned, kCountedVectors>());
  SetIrqHandler(kWakeVector, EndOfInterrupt, Eoi::kNone);
  SetIrqHandler(kSettledVector, OnSettled, Eoi::kNone);
}

void PrepareVpSettling() {
  constexpr uint32_t kConfig = static_cast<uint32_t>(MsrIndex::kStimer0Config) + 2 * kSettlingTimer;
  (void)WriteMsr(kConfig, SettlingConfig().raw);
}

bool LetInterruptsIn() {
  volatile bool& counted = g_logs[ThisVp()].counted;
  counted = false;
  // CPUID leaves the guest, and what is pending comes with the next entry. Without an exit it comes
  // when the processor tells KVM that the window is open, which QEMU's emulation forgets at times.
  // Not PAUSE: there it never takes an interrupt between STI and a PAUSE, or after that.
  uint32_t eax = 0;
  asm volatile("sti; nop; cpuid; nop; cli" : "+a"(eax) : : "rbx", "rcx", "rdx", "memory");
  return counted;
}

void SettleTimers() {
  for (int round = 0; round < kTimerRounds; ++round) Settle(kTimerRound);
  LetInterruptsIn();
}

void SettleDevices() {
  for (int round = 0; round < kDeviceRounds; ++round) Settle(kDeviceRound);
  LetInterruptsIn();
}

void AwaitInterrupt() { WaitForInterrupt(); }

void WakeOthers() { (void)WriteMsr(kX2ApicIcr, kToAllButSelf | kWakeVector); }

uint64_t TakeInterrupts(unsigned limit) {
  uint64_t all = 0;
  Log& log = g_logs[ThisVp()];
  for (unsigned i = 0; i < kCountedVectors; ++i) {
    const unsigned count = log.counts[i] < limit ? log.counts[i] : limit;
    all |= uint64_t{count} << (4 * i);
    log.counts[i] = 0;
  }
  return all;
}

unsigned CountOf(uint8_t vector) {
  return static_cast<volatile uint8_t&>(g_logs[ThisVp()].counts[vector - kFirstCountedVector]);
}

}  // namespace hvkit::guest
