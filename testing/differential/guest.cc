// Runs programs that come as a multiboot module and records what each step saw (program.h). Before
// each program every register that the last one wrote is put back. The module's header says how
// many processors take part; all of them go through all programs, and halt at barriers.

#include <atomic>
#include <cstddef>
#include <cstring>

#include "hyperv/tlfs/msr.h"
#include "testing/differential/program.h"
#include "testing/differential/settling.h"
#include "testing/differential/steps.h"
#include "testing/guests/lib/boot_info.h"
#include "testing/guests/lib/callers.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/modes.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"

namespace hvkit::guest {
namespace {

using testing::Record;
using testing::Step;
using testing::StepKind;

constinit const uint8_t* g_batch = nullptr;
constinit uint32_t g_cpus = 1;
constinit std::atomic<uint32_t> g_arrived = 0;
constinit std::atomic<uint32_t> g_barriers_passed = 0;

// What is pending gets in before and after, whether or not this processor is the last to come.
void Barrier() {
  LetInterruptsIn();
  if (g_cpus == 1) return;
  const uint32_t passed = g_barriers_passed.load();
  if (g_arrived.fetch_add(1) + 1 == g_cpus) {
    g_arrived.store(0);
    g_barriers_passed.store(passed + 1);
    WakeOthers();
    return;
  }
  while (g_barriers_passed.load() == passed) AwaitInterrupt();
  LetInterruptsIn();
}

void RunSteps(const Step* steps, uint32_t count, Record* records, unsigned vp) {
  for (uint32_t i = 0; i < count; ++i) {
    if (steps[i].kind == StepKind::kBarrier) {
      Barrier();
      if (vp == 0) records[i].done = 1;
    } else if (steps[i].cpu == vp) {
      records[i] = RunStep(steps[i]);
    }
  }
  Barrier();
}

void ResetPartition(unsigned vp) {
  ResetVp();
  Barrier();
  if (vp == 0) ResetShared();
  Barrier();
}

void RunBatchOn(unsigned vp) {
  const uint8_t* at = g_batch;
  testing::BatchHeader batch;
  std::memcpy(&batch, at, sizeof(batch));
  at += sizeof(batch);
  auto* records = const_cast<Record*>(AtAddress<Record>(testing::kRecordsAt));
  for (uint32_t i = 0; i < batch.programs; ++i) {
    testing::ProgramHeader header;
    std::memcpy(&header, at, sizeof(header));
    at += sizeof(header);
    ResetPartition(vp);
    RunSteps(reinterpret_cast<const Step*>(at), header.steps, records, vp);
    at += header.steps * sizeof(Step);
    records += header.steps;
  }
}

// Processors are numbered in the order in which they came up, and steps name VPs. The task register
// then tells the VP (settling.h).
void RunBatchElsewhere(void*) {
  const auto vp = static_cast<unsigned>(ReadMsr(tlfs::MsrIndex::kVpIndex).value);
  PrepareUserMode(vp);
  EnableSse();
  PrepareVpSettling();
  RunBatchOn(vp);
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  const auto& info = *AtAddress<MultibootInfo>(boot.address);
  if (info.modules_count != 1) Fatal("programs", "there is no module");
  const auto& module = *AtAddress<MultibootModule>(info.modules);
  if (module.end > testing::kHypercallPageToken) Fatal("programs", "the module is too large");
  g_batch = AtAddress<uint8_t>(module.start);
  testing::BatchHeader batch;
  std::memcpy(&batch, g_batch, sizeof(batch));
  g_cpus = batch.cpus;
  StartCpus(g_cpus);
  if (!EnableHypercalls()) Fatal("hypercalls", "the page cannot be turned on");
  PrepareCallers();
  PrepareSettling();
  PrepareVpSettling();
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) PostTo(cpu, RunBatchElsewhere, nullptr);
  RunBatchOn(0);
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) WaitFor(cpu);
}

}  // namespace hvkit::guest
