#include "testing/hostile/load.h"

#include <atomic>

#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/layout.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"
#include "testing/guests/lib/text.h"

namespace hvkit::guest {
namespace {

constexpr uint16_t kSerialData = 0x3f8;
constexpr uint16_t kSerialLineStatus = 0x3fd;
constexpr uint8_t kDataReady = 1;
// Minutes on any processor: the machine may be busy with others.
constexpr uint64_t kPatienceCycles = 300'000'000'000;
constexpr uint64_t kWarmUpShare = 4;

struct Processor {
  unsigned cpu;
  uint32_t vp;
  uint64_t random;
  std::atomic<uint64_t> taken;  // steps of the load
};

constinit Processor g_processors[MAX_CPUS] = {};
constinit unsigned g_cpus = 1;
constinit const Load* g_load = nullptr;
constinit uint64_t g_rounds = 0;

void Introduce(void* argument) {
  auto& self = *static_cast<Processor*>(argument);
  self.vp = static_cast<uint32_t>(ReadMsr(tlfs::MsrIndex::kVpIndex).value);
}

bool AllAreThrough() {
  for (unsigned cpu = 0; cpu < g_cpus; ++cpu) {
    if (g_processors[cpu].taken.load(std::memory_order_relaxed) < g_rounds) return false;
  }
  return true;
}

void LetInterruptsIn() {
  EnableInterrupts();
  Pause();
  DisableInterrupts();
}

// Those that are through go on until all are.
void TakePart(void* argument) {
  auto& self = *static_cast<Processor*>(argument);
  if (g_load->begin != nullptr) g_load->begin(self.cpu);
  const uint64_t start = Rdtsc();
  while (!AllAreThrough() && Rdtsc() - start < kPatienceCycles) {
    g_load->step(self.cpu);
    self.taken.fetch_add(1, std::memory_order_relaxed);
    LetInterruptsIn();
  }
  if (g_load->finish != nullptr) g_load->finish(self.cpu);
}

// What is left of the storm comes in before the next one.
void CalmDown(void*) {
  for (int i = 0; i < 100; ++i) LetInterruptsIn();
}

void OnAll(CpuFunction function) {
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) PostTo(cpu, function, &g_processors[cpu]);
  function(&g_processors[0]);
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) WaitFor(cpu);
}

void Run(const Load& load, uint64_t rounds) {
  g_load = &load;
  g_rounds = rounds;
  for (Processor& processor : g_processors) processor.taken.store(0);
  OnAll(TakePart);
  OnAll(CalmDown);
}

}  // namespace

void StartLoads(const BootInfo& boot) {
  g_cpus = static_cast<unsigned>(CmdlineNumber(boot, "cpus=", 1));
  StartCpus(g_cpus);
  for (unsigned cpu = 0; cpu < g_cpus; ++cpu) {
    g_processors[cpu].cpu = cpu;
    g_processors[cpu].random = (cpu + 1) * 0x9e3779b97f4a7c15;
  }
  OnAll(Introduce);
  Check(EnableHypercalls(), "the hypercall page can be turned on");
  SetReturningCode(HypercallPage(), tlfs::kPageSize);
}

unsigned Cpus() { return g_cpus; }
uint32_t VpOf(unsigned cpu) { return g_processors[cpu].vp; }

void RunLoads(std::span<const Load> loads, uint64_t rounds) {
  for (const Load& load : loads) Run(load, rounds / kWarmUpShare + 1);
  TellWatcher("before");
  for (const Load& load : loads) {
    Run(load, rounds);
    Check(AllAreThrough(), Text().Append("all get through: ").Append(load.name).c_str(),
          "a processor does not");
  }
  TellWatcher("after");
}

void TellWatcher(const char* what) {
  Print(Text().Append("watch: ").Append(what).c_str());
  while ((In8(kSerialLineStatus) & kDataReady) == 0) Pause();
  (void)In8(kSerialData);
}

// xorshift64.
uint64_t Random(unsigned cpu) {
  uint64_t& x = g_processors[cpu].random;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return x;
}

}  // namespace hvkit::guest
