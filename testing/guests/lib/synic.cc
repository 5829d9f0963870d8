#include "testing/guests/lib/synic.h"

#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/layout.h"
#include "testing/guests/lib/report.h"

namespace hvkit::guest {
namespace {

using tlfs::MsrIndex;
using tlfs::StimerConfig;

alignas(tlfs::kPageSize) tlfs::MessagePage g_message_pages[MAX_CPUS];
alignas(tlfs::kPageSize) tlfs::EventFlagsPage g_event_pages[MAX_CPUS];

uint64_t EnabledAt(const void* page) {
  return reinterpret_cast<uint64_t>(page) | tlfs::OverlayMsr::Enable::kMask;
}

uint32_t Msr(MsrIndex first, unsigned offset) { return static_cast<uint32_t>(first) + offset; }

void Fence() { asm volatile("mfence" : : : "memory"); }

}  // namespace

bool EnableSynic(unsigned cpu) {
  SetMessagePage(cpu, true);
  (void)WriteMsr(MsrIndex::kSiefp, EnabledAt(&g_event_pages[cpu]));
  (void)WriteMsr(MsrIndex::kScontrol, tlfs::Scontrol::Enable::kMask);
  return ReadMsr(MsrIndex::kSimp).value == EnabledAt(&g_message_pages[cpu]) &&
         ReadMsr(MsrIndex::kSiefp).value == EnabledAt(&g_event_pages[cpu]) &&
         ReadMsr(MsrIndex::kScontrol).value == tlfs::Scontrol::Enable::kMask;
}

void SetMessagePage(unsigned cpu, bool on) {
  (void)WriteMsr(MsrIndex::kSimp, on ? EnabledAt(&g_message_pages[cpu]) : 0);
}

void SetSint(unsigned sint, tlfs::Sint value) {
  (void)WriteMsr(Msr(MsrIndex::kSint0, sint), value.raw);
}

tlfs::Sint SintWithVector(uint8_t vector) { return {vector}; }

void WriteEom() { (void)WriteMsr(MsrIndex::kEom, 0); }

volatile tlfs::MessageHeader& SlotHeader(unsigned cpu, unsigned sint) {
  return g_message_pages[cpu].slots[sint].header;
}

bool SlotIsFree(unsigned cpu, unsigned sint) {
  return SlotHeader(cpu, sint).type == tlfs::MessageType::kNone;
}

void FreeSlot(unsigned cpu, unsigned sint) {
  volatile tlfs::MessageHeader& header = SlotHeader(cpu, sint);
  header.type = tlfs::MessageType::kNone;
  Fence();
  if ((header.flags.raw & tlfs::MessageFlags::MessagePending::kMask) != 0) WriteEom();
}

bool HasEventFlag(unsigned cpu, unsigned sint, unsigned flag) {
  const volatile uint64_t& word = g_event_pages[cpu].sints[sint].words[flag / 64];
  return (word >> (flag % 64) & 1) != 0;
}

bool TakeEventFlag(unsigned cpu, unsigned sint, unsigned flag) {
  uint64_t& word = g_event_pages[cpu].sints[sint].words[flag / 64];
  bool was_set;
  asm volatile("lock btrq %2, %0"
               : "+m"(word), "=@ccc"(was_set)
               : "r"(uint64_t{flag % 64})
               : "memory");
  return was_set;
}

TimerMessage ReadTimerMessage(unsigned cpu, unsigned sint) {
  const volatile tlfs::MessageHeader& header = SlotHeader(cpu, sint);
  TimerMessage result;
  if (header.type != tlfs::MessageType::kTimerExpired) return result;
  asm volatile("" : : : "memory");
  const auto* payload = reinterpret_cast<const volatile tlfs::TimerMessagePayload*>(&header + 1);
  result.present = header.payload_size == sizeof(tlfs::TimerMessagePayload);
  result.payload.timer_index = payload->timer_index;
  result.payload.expiration_time = payload->expiration_time;
  result.payload.delivery_time = payload->delivery_time;
  return result;
}

void SetTimerConfig(unsigned timer, StimerConfig config) {
  (void)WriteMsr(Msr(MsrIndex::kStimer0Config, 2 * timer), config.raw);
}

StimerConfig TimerConfig(unsigned timer) {
  return {ReadMsr(Msr(MsrIndex::kStimer0Config, 2 * timer)).value};
}

void SetTimerCount(unsigned timer, uint64_t count) {
  (void)WriteMsr(Msr(MsrIndex::kStimer0Count, 2 * timer), count);
}

StimerConfig MessageTimer(unsigned sint) {
  StimerConfig config;
  StimerConfig::AutoEnable::Set(config, 1);
  StimerConfig::SintIndex::Set(config, sint);
  return config;
}

StimerConfig DirectTimer(uint8_t vector) {
  StimerConfig config;
  StimerConfig::AutoEnable::Set(config, 1);
  StimerConfig::DirectMode::Set(config, 1);
  StimerConfig::ApicVector::Set(config, vector);
  return config;
}

void StartReferenceTime() {
  constexpr char kName[] = "the TSC page is valid";
  if (!EnableReferenceTsc() || !ReadReferenceTsc().valid) Fatal(kName, "it is not");
  Check(true, kName);
}

uint64_t Now() { return ReadReferenceTsc().value; }

void ServeInterruptsUntil(uint64_t time) {
  EnableInterrupts();
  while (Now() < time) Pause();
  DisableInterrupts();
}

}  // namespace hvkit::guest
