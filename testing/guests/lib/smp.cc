#include "testing/guests/lib/smp.h"

#include <atomic>
#include <cstring>
#include <utility>

#include "testing/guests/lib/apic.h"
#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/layout.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/text.h"

namespace hvkit::guest {
namespace {

constexpr uint8_t kWakeVector = 0xf0;
// Half a minute or more on any processor: a bound for what should take no time, on a busy host.
constexpr uint64_t kPatienceCycles = 60'000'000'000;

// A mailbox of one processor. The writer of `function` is the first processor, which reads
// `argument` no more; the processor itself clears it when it is done.
struct Cpu {
  std::atomic<bool> up;
  uint32_t apic_id;
  void* argument;
  std::atomic<CpuFunction> function;
};

constinit Cpu g_cpus[MAX_CPUS] = {};

template <typename Condition>
void WaitUntil(Condition condition, const char* name) {
  const uint64_t start = Rdtsc();
  while (!condition()) {
    if (Rdtsc() - start > kPatienceCycles) Fatal(name, "timed out");
    Pause();
  }
}

unsigned CountUp() {
  unsigned count = 0;
  for (const Cpu& cpu : g_cpus) count += cpu.up.load(std::memory_order_acquire) ? 1 : 0;
  return count;
}

// A call of RunOnEach on one processor.
struct Turn {
  unsigned cpu;
  EachFunction function;
  std::atomic<bool> done;
};

void TakeTurn(void* argument) {
  auto& turn = *static_cast<Turn*>(argument);
  turn.function(turn.cpu);
  turn.done.store(true, std::memory_order_release);
  SendIpi(ApicIdOf(0), kWakeVector);
}

void RunWhileHalted(unsigned cpu, EachFunction function) {
  if (cpu == 0) {
    function(cpu);
    return;
  }
  Turn turn = {.cpu = cpu, .function = function, .done = false};
  PostTo(cpu, TakeTurn, &turn);
  while (!turn.done.load(std::memory_order_acquire)) WaitForInterrupt();
  WaitFor(cpu);
}

void MarkUp(unsigned index) {
  g_cpus[index].apic_id = ApicId();
  g_cpus[index].up.store(true, std::memory_order_release);
}

}  // namespace

extern "C" {
extern const uint8_t ap_trampoline[];
extern const uint8_t ap_trampoline_end[];
extern uint32_t ap_next_index;
[[noreturn]] void GuestApStart(uint32_t index);
}

// Called by start.S on each processor but the first.
void GuestApStart(uint32_t index) {
  LoadInterruptTable();
  EnableApic();
  MarkUp(index);
  Cpu& self = g_cpus[index];
  while (true) {
    if (const CpuFunction function = self.function.load(std::memory_order_acquire)) {
      function(self.argument);
      self.function.store(nullptr, std::memory_order_release);
    } else {
      WaitForInterrupt();
    }
  }
}

void StartCpus(unsigned count) {
  if (count > MAX_CPUS) Fatal("processors", "more than the guest has room for");
  EnableApic();
  MarkUp(0);
  if (count == 1) return;
  std::memcpy(reinterpret_cast<void*>(uint64_t{AP_TRAMPOLINE}), ap_trampoline,
              static_cast<size_t>(ap_trampoline_end - ap_trampoline));
  StartOtherCpus(AP_TRAMPOLINE >> 12);
  WaitUntil([count] { return CountUp() >= count; }, "all processors come up");
}

void RestartCpu(unsigned cpu) {
  Cpu& other = g_cpus[cpu];
  other.up.store(false, std::memory_order_relaxed);
  const uint32_t next = std::exchange(ap_next_index, cpu);
  StartCpu(other.apic_id, AP_TRAMPOLINE >> 12);
  WaitUntil([&other] { return other.up.load(std::memory_order_acquire); }, "a reset processor");
  ap_next_index = next;
}

uint32_t ApicIdOf(unsigned cpu) { return g_cpus[cpu].apic_id; }

void RunOn(unsigned cpu, CpuFunction function, void* argument) {
  PostTo(cpu, function, argument);
  WaitFor(cpu);
}

void PostTo(unsigned cpu, CpuFunction function, void* argument) {
  g_cpus[cpu].argument = argument;
  g_cpus[cpu].function.store(function, std::memory_order_release);
  SendIpi(g_cpus[cpu].apic_id, kWakeVector);
}

void WaitFor(unsigned cpu) {
  WaitUntil([cpu] { return g_cpus[cpu].function.load(std::memory_order_acquire) == nullptr; },
            "a function on another processor ends");
}

void RunOnEach(unsigned count, EachFunction function) {
  for (unsigned cpu = 0; cpu < count; ++cpu) {
    const Text suffix = Text().Append(" on processor ").AppendDecimal(cpu);
    SetCheckSuffix(suffix.c_str());
    RunWhileHalted(cpu, function);
  }
  SetCheckSuffix("");
}

void RunOnOnly(unsigned cpu, EachFunction function) {
  if (cpu != 0) StartCpus(cpu + 1);
  RunWhileHalted(cpu, function);
}

}  // namespace hvkit::guest
