// Runs programs that come as a multiboot module and records what each step saw (program.h). Before
// each program every register that the last one wrote is put back. The module's header says how
// many processors take part; all of them go through all programs, and halt at barriers. One that is
// reset there comes back to it.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hyperv/tlfs/msr.h"
#include "testing/differential/barriers.h"
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

// Where a VP is in the batch; its own, but while it is being reset.
struct alignas(64) Place {
  unsigned cpu;  // the number of its processor
  const uint8_t* at;
  Record* records;
  uint32_t program;
  uint32_t step;
};

constinit const uint8_t* g_batch = nullptr;
constinit uint32_t g_cpus = 1;
constinit Place g_places[testing::kMaxCpus] = {};

testing::ProgramHeader HeaderAt(const uint8_t* at) {
  testing::ProgramHeader header;
  std::memcpy(&header, at, sizeof(header));
  return header;
}

const Step& StepOf(const Place& place) {
  return reinterpret_cast<const Step*>(place.at + sizeof(testing::ProgramHeader))[place.step];
}

void DoStep(const Place& place, unsigned vp) {
  const Step& step = StepOf(place);
  Record& record = place.records[place.step];
  if (step.kind == StepKind::kBarrier) {
    Barrier();
    if (vp == 0) record.done = 1;
  } else if (step.cpu == vp && step.kind == StepKind::kResetVp) {
    record = {.done = 1, .value = ResetWaiting(step.page, g_places[step.page].cpu)};
  } else if (step.cpu == vp) {
    record = RunStep(step);
  }
}

// From the place on, and through a last barrier.
void RunSteps(Place& place, unsigned vp) {
  const uint32_t count = HeaderAt(place.at).steps;
  for (; place.step < count; ++place.step) DoStep(place, vp);
  if (place.step++ == count) Barrier();
  place.at += sizeof(testing::ProgramHeader) + count * sizeof(Step);
  place.records += count;
  place.step = 0;
  ++place.program;
}

void ResetPartition(unsigned vp) {
  ResetVp();
  Barrier();
  if (vp == 0) ResetShared();
  Barrier();
}

void RunPrograms(Place& place, unsigned vp) {
  testing::BatchHeader batch;
  std::memcpy(&batch, g_batch, sizeof(batch));
  while (place.program < batch.programs) {
    ResetPartition(vp);
    RunSteps(place, vp);
  }
}

void BeginBatchOn(unsigned vp, unsigned cpu) {
  Place& place = g_places[vp];
  place = {.cpu = cpu,
           .at = g_batch + sizeof(testing::BatchHeader),
           .records = const_cast<Record*>(AtAddress<Record>(testing::kRecordsAt)),
           .program = 0,
           .step = 0};
  RunPrograms(place, vp);
}

// Processors are numbered in the order in which they came up, and steps name VPs. The task register
// then tells the VP (settling.h).
void RunBatchElsewhere(void* cpu) {
  const auto vp = static_cast<unsigned>(ReadMsr(tlfs::MsrIndex::kVpIndex).value);
  PrepareUserMode(vp);
  EnableSse();
  PrepareVpSettling();
  Place& place = g_places[vp];
  if (place.at == nullptr) {
    BeginBatchOn(vp, static_cast<unsigned>(reinterpret_cast<uintptr_t>(cpu)));
    return;
  }
  BarrierAfterReset();
  ++place.step;
  RunSteps(place, vp);
  RunPrograms(place, vp);
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
  PrepareBarriers(g_cpus);
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) {
    PostTo(cpu, RunBatchElsewhere, reinterpret_cast<void*>(uintptr_t{cpu}));
  }
  BeginBatchOn(0, 0);
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) WaitFor(cpu);
}

}  // namespace hvkit::guest
