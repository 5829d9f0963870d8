// SINTs with AutoEOI: their interrupts are delivered once each and are not in service afterwards,
// however they come: to a halted processor, after a long time without interrupts, several at once,
// among ordinary ones of higher and of lower priority. No handler of such a SINT writes EOI.
//
// On the command line `signals=N`, how many messages come in a row.

#include "testing/guests/lib/apic.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"
#include "testing/guests/lib/synic.h"

namespace hvkit::guest {
namespace {

// Timer i has the SINT kFirstSint + i.
constexpr unsigned kFirstSint = 2;
constexpr unsigned kHighTimer = 0;
constexpr unsigned kLowTimer = 1;
constexpr uint8_t kLowestVector = 0x40;  // ordinary
constexpr uint8_t kLowVector = 0x50;     // AutoEOI
constexpr uint8_t kMiddleVector = 0x60;  // ordinary
constexpr uint8_t kHighVector = 0x70;    // AutoEOI

constexpr uint64_t kPast = 1;
constexpr uint64_t kLong = 100 * kTicksPerMs;
constexpr uint64_t kWait = 20 * kTicksPerMs;
constexpr uint32_t kInServiceMsr = 0x810;  // x2APIC ISR, vectors 31:0

constexpr unsigned kMaxLog = 16;
volatile uint8_t g_log[kMaxLog];
volatile unsigned g_logged = 0;
volatile unsigned g_in_service = 0;  // handlers that found their vector in service
volatile bool g_open_in_middle = false;
volatile unsigned g_logged_in_middle = 0;

bool IsInService(uint8_t vector) {
  const MsrRead isr = ReadMsr(kInServiceMsr + vector / 32u);
  return (isr.value >> (vector % 32u) & 1) != 0;
}

void Log(uint8_t vector) {
  if (g_logged < kMaxLog) g_log[g_logged] = vector;
  g_logged = g_logged + 1;
  if (IsInService(vector)) g_in_service = g_in_service + 1;
}

template <uint8_t kVector>
void OnInterrupt() {
  Log(kVector);
}

// Lets others in before it ends.
void OnMiddle() {
  Log(kMiddleVector);
  if (g_open_in_middle) {
    ServeInterruptsUntil(Now() + kWait);
    g_logged_in_middle = g_logged;
  }
  EndOfInterrupt();
}

void ForgetLog() {
  g_logged = 0;
  g_in_service = 0;
}

void SetAutoEoiSint(unsigned timer, uint8_t vector, bool auto_eoi) {
  tlfs::Sint sint = SintWithVector(vector);
  tlfs::Sint::AutoEoi::Set(sint, auto_eoi ? 1 : 0);
  SetSint(kFirstSint + timer, sint);
}

// Makes a message of the timer's SINT, in a slot that is free.
void Signal(unsigned timer, uint64_t at = kPast) {
  FreeSlot(0, kFirstSint + timer);
  SetTimerConfig(timer, MessageTimer(kFirstSint + timer));
  SetTimerCount(timer, at);
}

template <typename... Vectors>
void CheckLog(const char* name, Vectors... vectors) {
  const uint8_t expected[] = {static_cast<uint8_t>(vectors)...};
  bool equal = g_logged == sizeof(expected);
  for (unsigned i = 0; equal && i < sizeof(expected); ++i) equal = g_log[i] == expected[i];
  Check(equal, name, "other interrupts, or in another order");
}

// Each needs the one before to have ended by itself.
void CheckInARow(unsigned count) {
  ForgetLog();
  for (unsigned i = 0; i < count; ++i) {
    Signal(kHighTimer);
    const uint64_t limit = Now() + kTicksPerSecond;
    while (g_logged <= i && Now() < limit) ServeInterruptsUntil(Now() + kTicksPerMs / 10);
  }
  CheckEqual(g_logged, count, "each AutoEOI message interrupts once");
  CheckEqual(g_in_service, 0, "an AutoEOI interrupt is not in service in its handler");
}

void CheckLowerPriority() {
  ForgetLog();
  Signal(kHighTimer);
  ServeInterruptsUntil(Now() + kWait);
  SendIpi(ApicId(), kLowestVector);
  ServeInterruptsUntil(Now() + kWait);
  CheckLog("an ordinary interrupt of lower priority follows without EOI", kHighVector,
           kLowestVector);
}

void CheckHalted() {
  ForgetLog();
  Signal(kHighTimer, Now() + kWait);
  while (g_logged == 0) WaitForInterrupt();
  CheckLog("an AutoEOI interrupt wakes a halted processor", kHighVector);
}

// All wait behind closed interrupts, and then come by priority, each handler without interrupts.
void CheckClosed() {
  DisableInterrupts();
  ForgetLog();
  Signal(kLowTimer);
  SendIpi(ApicId(), kLowestVector);
  SendIpi(ApicId(), kMiddleVector);
  Signal(kHighTimer);
  for (const uint64_t end = Now() + kLong; Now() < end;) Pause();
  CheckEqual(g_logged, 0, "no AutoEOI interrupt comes while interrupts are off");
  ServeInterruptsUntil(Now() + kWait);
  CheckLog("waiting AutoEOI and ordinary interrupts come once each, by priority", kHighVector,
           kMiddleVector, kLowVector, kLowestVector);
  ForgetLog();
  ServeInterruptsUntil(Now() + kWait);
  CheckEqual(g_logged, 0, "nothing comes twice");
}

void CheckInsideOrdinary() {
  ForgetLog();
  DisableInterrupts();
  g_open_in_middle = true;
  SendIpi(ApicId(), kMiddleVector);
  Signal(kLowTimer);
  ServeInterruptsUntil(Now() + 3 * kWait);
  CheckEqual(g_logged_in_middle, 1,
             "an AutoEOI interrupt waits for one in service with a higher priority");
  CheckLog("it comes at the EOI of that one", kMiddleVector, kLowVector);
  ForgetLog();
  DisableInterrupts();
  SendIpi(ApicId(), kMiddleVector);
  Signal(kHighTimer, Now() + kWait / 2);
  ServeInterruptsUntil(Now() + 3 * kWait);
  g_open_in_middle = false;
  CheckLog("an AutoEOI interrupt interrupts one of lower priority", kMiddleVector, kHighVector);
}

void CheckSwitchedOff() {
  SetAutoEoiSint(kHighTimer, kHighVector, false);
  ForgetLog();
  Signal(kHighTimer);
  ServeInterruptsUntil(Now() + kWait);
  CheckEqual(g_logged, 1, "the SINT interrupts without AutoEOI too");
  CheckEqual(g_in_service, 1, "without AutoEOI its interrupt is in service");
  Signal(kHighTimer);
  ServeInterruptsUntil(Now() + kWait);
  CheckEqual(g_logged, 1, "the next one waits for EOI");
  EndOfInterrupt();
  ServeInterruptsUntil(Now() + kWait);
  CheckEqual(g_logged, 2, "EOI brings it");
  EndOfInterrupt();
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  StartCpus(1);
  SetIrqHandler(kLowestVector, OnInterrupt<kLowestVector>);
  SetIrqHandler(kLowVector, OnInterrupt<kLowVector>, Eoi::kNone);
  SetIrqHandler(kMiddleVector, OnMiddle, Eoi::kNone);
  SetIrqHandler(kHighVector, OnInterrupt<kHighVector>, Eoi::kNone);
  StartReferenceTime();
  Check(EnableSynic(0), "the SynIC can be turned on");
  Check(!ReadMsr(kInServiceMsr).fault.raised, "the APIC is in x2APIC mode");
  SetAutoEoiSint(kHighTimer, kHighVector, true);
  SetAutoEoiSint(kLowTimer, kLowVector, true);
  CheckInARow(static_cast<unsigned>(CmdlineNumber(boot, "signals=", 100)));
  CheckLowerPriority();
  CheckHalted();
  CheckClosed();
  CheckInsideOrdinary();
  CheckSwitchedOff();
}

}  // namespace hvkit::guest
