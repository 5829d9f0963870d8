// Interrupts of the SynIC that do not take the common way: masked and polled SINTs, AutoEOI, and
// interrupts whose end the processor need not announce (the VP assist page); and that a processor's
// run time grows while it runs and not while it is halted. On each processor in turn.
//
// On the command line `cpus=N`, `polling=1` where the back end has polled SINTs, and `signals=N`,
// how many interrupts try the VP assist page.

#include "testing/guests/lib/synic.h"
#include "testing/guests/lib/apic.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/layout.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"
#include "testing/guests/lib/text.h"

namespace hvkit::guest {
namespace {

using tlfs::MsrIndex;

constexpr unsigned kSint = 3;
constexpr uint8_t kSintVector = 0x60;
constexpr uint8_t kTimerVector = 0x61;
constexpr uint8_t kAutoEoiVector = 0x62;
constexpr uint64_t kWait = 20 * kTicksPerMs;
constexpr uint64_t kMeasured = 200 * kTicksPerMs;
constexpr unsigned kTimer = 0;
constexpr uint64_t kPast = 1;

struct Plan {
  bool polling;
  unsigned signals;
};

constinit Plan g_plan = {};
constinit unsigned g_cpu = 0;  // on which the checks run

alignas(tlfs::kPageSize) tlfs::VpAssistPage g_assist_pages[MAX_CPUS];

volatile unsigned g_interrupts = 0;
volatile unsigned g_timer_interrupts = 0;
volatile unsigned g_without_eoi = 0;
volatile bool g_assist_page_is_on = false;

void CountInterrupt() { g_interrupts = g_interrupts + 1; }

// Takes the permission to go without EOI, as an interrupt may come between a read and a write.
bool NoEoiRequired() {
  bool was_set;
  asm volatile("btrl $0, %0"
               : "+m"(g_assist_pages[g_cpu].apic_assist.raw), "=@ccc"(was_set)
               :
               : "memory");
  return was_set;
}

void OnTimer() {
  g_timer_interrupts = g_timer_interrupts + 1;
  if (g_assist_page_is_on && NoEoiRequired()) {
    g_without_eoi = g_without_eoi + 1;
  } else {
    EndOfInterrupt();
  }
}

// A timer's message for the SINT in a way that should or should not interrupt.
void CheckSint(tlfs::Sint value, unsigned expected_interrupts, const char* interrupts,
               const char* message) {
  SetSint(kSint, value);
  g_interrupts = 0;
  SetTimerConfig(kTimer, MessageTimer(kSint));
  SetTimerCount(kTimer, kPast);
  ServeInterruptsUntil(Now() + kWait);
  CheckEqual(g_interrupts, expected_interrupts, interrupts);
  Check(ReadTimerMessage(g_cpu, kSint).present, message);
  FreeSlot(g_cpu, kSint);
}

void CheckSints() {
  const tlfs::Sint plain = SintWithVector(kSintVector);
  tlfs::Sint masked = plain;
  tlfs::Sint::Masked::Set(masked, 1);
  tlfs::Sint polled = plain;
  tlfs::Sint::Polling::Set(polled, 1);
  CheckSint(plain, 1, "an unmasked SINT interrupts", "an unmasked SINT has its message");
  CheckSint(masked, 0, "a masked SINT does not interrupt", "a masked SINT has its message");
  CheckEqual(CpuidHas(tlfs::bits::kSintPolling) ? 1 : 0, g_plan.polling ? 1 : 0,
             "polled SINTs are offered as expected");
  CheckSint(polled, g_plan.polling ? 0 : 1,
            g_plan.polling ? "a polled SINT does not interrupt" : "the polling bit is ignored",
            "a polled SINT has its message");
}

// The second interrupt comes only if the first, which nobody has ended, has ended by itself.
void CheckAutoEoi() {
  tlfs::Sint sint = SintWithVector(kAutoEoiVector);
  tlfs::Sint::AutoEoi::Set(sint, 1);
  for (int i = 0; i < 2; ++i) {
    CheckSint(sint, 1, "a SINT with AutoEOI interrupts", "a SINT with AutoEOI has its message");
  }
}

// One direct timer's interrupt after the other.
void TakeTimerInterrupts(unsigned count) {
  g_timer_interrupts = 0;
  SetTimerConfig(kTimer, DirectTimer(kTimerVector));
  for (unsigned i = 0; i < count; ++i) {
    SetTimerCount(kTimer, Now() + kTicksPerMs);
    const uint64_t limit = Now() + kTicksPerSecond;
    while (g_timer_interrupts <= i && Now() < limit) {
      ServeInterruptsUntil(Now() + kTicksPerMs / 10);
    }
  }
  SetTimerConfig(kTimer, {});
}

void CheckAssistPage() {
  const unsigned count = g_plan.signals;
  tlfs::VpAssistPage& page = g_assist_pages[g_cpu];
  const uint64_t value = reinterpret_cast<uint64_t>(&page) | tlfs::VpAssist::Enable::kMask;
  page.apic_assist.raw = 1;
  Check(!WriteMsr(MsrIndex::kVpAssistPage, value).raised, "the VP assist page can be turned on");
  const volatile uint32_t& word = page.apic_assist.raw;
  CheckEqual(word, 0, "the VP assist page starts with EOI required");
  g_assist_page_is_on = true;
  TakeTimerInterrupts(count);
  CheckEqual(g_timer_interrupts, count, "each interrupt comes with the VP assist page on");
  Check(g_without_eoi > 0, "the VP assist page saves EOIs");
  Check(!WriteMsr(MsrIndex::kVpAssistPage, 0).raised, "the VP assist page can be turned off");
  g_assist_page_is_on = false;
  TakeTimerInterrupts(count);
  CheckEqual(g_timer_interrupts, count, "each interrupt comes with the VP assist page off");
}

uint64_t Runtime() { return ReadMsr(MsrIndex::kVpRuntime).value; }

void Describe(uint64_t grown) {
  Print(
      Text().Append("run time grew by ").AppendDecimal(grown / kTicksPerMs).Append(" ms").c_str());
}

void CheckRuntime() {
  uint64_t before = Runtime();
  ServeInterruptsUntil(Now() + kMeasured);
  uint64_t grown = Runtime() - before;
  Describe(grown);
  Check(grown >= kMeasured / 2, "VP_RUNTIME grows while the processor runs");
  g_timer_interrupts = 0;
  SetTimerConfig(kTimer, DirectTimer(kTimerVector));
  before = Runtime();
  SetTimerCount(kTimer, Now() + kMeasured);
  while (g_timer_interrupts == 0) WaitForInterrupt();
  grown = Runtime() - before;
  Describe(grown);
  Check(grown <= kMeasured / 2, "VP_RUNTIME does not grow while the processor is halted");
}

void CheckProcessor(unsigned cpu) {
  g_cpu = cpu;
  Check(EnableSynic(cpu), "the SynIC can be turned on");
  CheckSints();
  CheckAutoEoi();
  CheckAssistPage();
  CheckRuntime();
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  const auto cpus = static_cast<unsigned>(CmdlineNumber(boot, "cpus=", 1));
  g_plan = {.polling = CmdlineNumber(boot, "polling=", 0) != 0,
            .signals = static_cast<unsigned>(CmdlineNumber(boot, "signals=", 100))};
  StartCpus(cpus);
  SetIrqHandler(kSintVector, CountInterrupt);
  SetIrqHandler(kTimerVector, OnTimer, Eoi::kNone);
  SetIrqHandler(kAutoEoiVector, CountInterrupt, Eoi::kNone);
  StartReferenceTime();
  RunOnEach(cpus, CheckProcessor);
}

}  // namespace hvkit::guest
