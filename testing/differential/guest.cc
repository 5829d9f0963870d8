// Runs programs that come as a multiboot module and records what each step saw (program.h). After
// each program every register that it wrote is put back. `cpus` in the module's header says how
// many processors take part.

#include <cstddef>
#include <cstring>

#include "hyperv/tlfs/msr.h"
#include "testing/differential/program.h"
#include "testing/differential/steps.h"
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

// The part of a program between two barriers, as all processors run it.
struct Phase {
  const Step* steps;
  Record* records;
  uint32_t count;
};

constinit Phase g_phase = {};
// By processor: these are numbered in the order in which they came up, and steps name VPs.
constinit unsigned g_vp_of[testing::kMaxCpus] = {};

void RunPhaseOn(unsigned vp) {
  for (uint32_t i = 0; i < g_phase.count; ++i) {
    if (g_phase.steps[i].cpu == vp) g_phase.records[i] = RunStep(g_phase.steps[i]);
  }
}

void RunPhaseElsewhere(void* vp) { RunPhaseOn(*static_cast<unsigned*>(vp)); }

bool TakesPart(unsigned vp) {
  for (uint32_t i = 0; i < g_phase.count; ++i) {
    if (g_phase.steps[i].cpu == vp) return true;
  }
  return false;
}

void RunPhase(unsigned cpus) {
  for (unsigned cpu = 1; cpu < cpus; ++cpu) {
    if (TakesPart(g_vp_of[cpu])) PostTo(cpu, RunPhaseElsewhere, &g_vp_of[cpu]);
  }
  RunPhaseOn(0);
  for (unsigned cpu = 1; cpu < cpus; ++cpu) WaitFor(cpu);
}

void ResetElsewhere(void*) { ResetVp(); }

void ResetPartition(unsigned cpus) {
  for (unsigned cpu = 1; cpu < cpus; ++cpu) RunOn(cpu, ResetElsewhere, nullptr);
  ResetVp();
  ResetShared();
}

void RunProgram(const Step* steps, uint32_t count, Record* records, unsigned cpus) {
  uint32_t begin = 0;
  for (uint32_t i = 0; i <= count; ++i) {
    if (i != count && steps[i].kind != StepKind::kBarrier) continue;
    g_phase = {steps + begin, records + begin, i - begin};
    RunPhase(cpus);
    if (i != count) records[i].done = 1;
    begin = i + 1;
  }
}

// The task register then tells the VP (steps.cc).
void PrepareElsewhere(void* vp) {
  auto& number = *static_cast<unsigned*>(vp);
  number = static_cast<unsigned>(ReadMsr(tlfs::MsrIndex::kVpIndex).value);
  PrepareUserMode(number);
  EnableSse();
}

void Prepare(unsigned cpus) {
  StartCpus(cpus);
  if (!EnableHypercalls()) Fatal("hypercalls", "the page cannot be turned on");
  PrepareCallers();
  for (unsigned cpu = 1; cpu < cpus; ++cpu) {
    RunOn(cpu, PrepareElsewhere, &g_vp_of[cpu]);
  }
  PrepareSteps();
}

void RunBatch(const uint8_t* at) {
  testing::BatchHeader batch;
  std::memcpy(&batch, at, sizeof(batch));
  at += sizeof(batch);
  Prepare(batch.cpus);
  auto* records = reinterpret_cast<Record*>(testing::kRecordsAt);
  for (uint32_t i = 0; i < batch.programs; ++i) {
    testing::ProgramHeader header;
    std::memcpy(&header, at, sizeof(header));
    at += sizeof(header);
    ResetPartition(batch.cpus);
    RunProgram(reinterpret_cast<const Step*>(at), header.steps, records, batch.cpus);
    at += header.steps * sizeof(Step);
    records += header.steps;
  }
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  const auto& info = *AtAddress<MultibootInfo>(boot.address);
  if (info.modules_count != 1) Fatal("programs", "there is no module");
  const auto& module = *AtAddress<MultibootModule>(info.modules);
  if (module.end > testing::kHypercallPageToken) Fatal("programs", "the module is too large");
  RunBatch(AtAddress<uint8_t>(module.start));
}

}  // namespace hvkit::guest
