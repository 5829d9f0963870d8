// The local APIC, interrupts between processors, and the SynIC's messages and events.

#include <atomic>
#include <cstring>

#include "hyperv/tlfs/hypercall.h"
#include "testing/guests/lib/apic.h"
#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/smp.h"
#include "testing/guests/lib/synic.h"
#include "testing/guests/lib/testdev.h"
#include "testing/guests/tour/clock.h"
#include "testing/guests/tour/sights.h"

namespace hvkit::guest {
namespace {

using tlfs::CallCode;
using tlfs::HvStatus;
using tlfs::MsrIndex;

constexpr uint8_t kEoiVector = 0x50;
constexpr uint8_t kPingVector = 0x51;
constexpr uint8_t kMessageVector = 0x52;
constexpr uint8_t kEventVector = 0x53;
constexpr uint8_t kPolledVector = 0x54;
constexpr unsigned kMessageSint = 2;
constexpr unsigned kEventSint = 3;
constexpr unsigned kPolledSint = 4;
constexpr uint8_t kMessageId = 32;
constexpr uint8_t kEventId = 33;
constexpr uint8_t kPolledId = 34;
constexpr uint64_t kTimes = 64;

alignas(tlfs::kPageSize) tlfs::VpAssistPage g_assist_page;
alignas(tlfs::kPageSize) tlfs::PostMessageInput g_message;

// Written by interrupts of the first processor, but for the pings.
constinit std::atomic<uint64_t> g_ended = 0;
constinit std::atomic<uint64_t> g_without_eoi = 0;
constinit std::atomic<uint64_t> g_end_cycles = 0;
constinit std::atomic<uint64_t> g_pings = 0;
constinit std::atomic<uint64_t> g_messages = 0;
constinit std::atomic<uint64_t> g_events = 0;
constinit std::atomic<uint64_t> g_polled = 0;
constinit std::atomic<bool> g_stop = false;

// Takes the permission to go without EOI; there is none while the page is off.
bool NoEoiRequired() {
  bool was_set;
  asm volatile("btrl $0, %0" : "+m"(g_assist_page.apic_assist.raw), "=@ccc"(was_set) : : "memory");
  return was_set;
}

void OnInterruptToEnd() {
  const uint64_t start = Rdtsc();
  const bool without = NoEoiRequired();
  if (!without) EndOfInterrupt();
  g_end_cycles += Rdtsc() - start;
  g_without_eoi += without ? 1 : 0;
  ++g_ended;
}

void OnPing() { ++g_pings; }

void OnMessage() {
  FreeSlot(0, kMessageSint);
  ++g_messages;
}

void OnEvent() {
  if (TakeEventFlag(0, kEventSint, kEventId)) ++g_events;
}

void OnPolled() { ++g_polled; }

// Interrupts to this processor, each ended before the next; how long an end took.
Amount EndInterrupts(Visit& visit) {
  g_ended = g_without_eoi = g_end_cycles = 0;
  for (uint64_t i = 1; i <= kTimes; ++i) {
    SendIpi(ApicId(), kEoiVector);
    if (!WaitUntil([i] { return g_ended >= i; })) {
      visit.Fail("an interrupt did not come");
      return {};
    }
  }
  return MeanDuration(g_end_cycles, kTimes);
}

void ServeUntilStopped(void*) {
  EnableInterrupts();
  while (!g_stop) Pause();
  DisableInterrupts();
}

// While the last processor runs, if it is not this one: from sending to what its handler did.
template <typename Send>
Amount TimeOfPings(Visit& visit, Send send) {
  g_stop = false;
  g_pings = 0;
  if (LastProcessor() != 0) PostTo(LastProcessor(), ServeUntilStopped, nullptr);
  uint64_t cycles = 0;
  for (uint64_t i = 1; i <= kTimes; ++i) {
    const uint64_t start = Rdtsc();
    send();
    if (!WaitUntil([i] { return g_pings >= i; })) {
      visit.Fail("an interrupt did not come");
      break;
    }
    cycles += Rdtsc() - start;
  }
  g_stop = true;
  if (LastProcessor() != 0) WaitFor(LastProcessor());
  return MeanDuration(cycles, kTimes);
}

HvStatus SendByHypercall() {
  return HypercallStatus(static_cast<uint64_t>(CallCode::kSendSyntheticClusterIpi) |
                             tlfs::HypercallControl::Fast::kMask,
                         kPingVector, uint64_t{1} << VpIndexOf(LastProcessor()));
}

HvStatus Post(uint8_t connection) {
  g_message = {};
  g_message.connection.raw = connection;
  g_message.message_type = 1;
  g_message.payload_size = sizeof(uint64_t);
  return HypercallStatus(static_cast<uint64_t>(CallCode::kPostMessage),
                         reinterpret_cast<uint64_t>(&g_message), 0);
}

HvStatus Signal() {
  return HypercallStatus(
      static_cast<uint64_t>(CallCode::kSignalEvent) | tlfs::HypercallControl::Fast::kMask, kEventId,
      0);
}

// From the hypercall to the end of the handler.
template <typename Send>
Amount TimeOfDelivery(Visit& visit, const std::atomic<uint64_t>& arrived, Send send) {
  const uint64_t start = Rdtsc();
  for (uint64_t i = 0; i < kTimes; ++i) {
    const uint64_t before = arrived;
    if (send() != HvStatus::kSuccess) {
      visit.Fail("a hypercall was refused");
      break;
    }
    if (!WaitUntil([&arrived, before] { return arrived != before; })) {
      visit.Fail("nothing arrived");
      break;
    }
  }
  return MeanDuration(Rdtsc() - start, kTimes);
}

void Command(TestdevCommand command, unsigned sint, uint8_t connection) {
  CommandTestdev(command, static_cast<uint8_t>(VpIndexOf(0)), static_cast<uint8_t>(sint),
                 connection);
}

void WakeFirst(void* microseconds) {
  Spin(*static_cast<uint64_t*>(microseconds));
  SendIpi(ApicIdOf(0), kPingVector);
}

}  // namespace

void PrepareInterrupts() {
  SetIrqHandler(kEoiVector, OnInterruptToEnd, Eoi::kNone);
  SetIrqHandler(kPingVector, OnPing);
  SetIrqHandler(kMessageVector, OnMessage);
  SetIrqHandler(kEventVector, OnEvent);
  SetIrqHandler(kPolledVector, OnPolled);
}

void VisitApic(Visit& visit) {
  const Amount by_register = EndInterrupts(visit);
  const uint64_t page = reinterpret_cast<uint64_t>(&g_assist_page);
  if (WriteMsr(MsrIndex::kVpAssistPage, page | tlfs::VpAssist::Enable::kMask).raised) {
    visit.Fail("the VP assist page cannot be turned on");
  }
  const Amount by_page = EndInterrupts(visit);
  const uint64_t without = g_without_eoi;
  (void)WriteMsr(MsrIndex::kVpAssistPage, 0);
  g_assist_page.apic_assist.raw = 0;
  visit.did().Append("with the VP assist page ").AppendDecimal(without).Append(" of ");
  visit.did().AppendDecimal(kTimes).Append(" interrupts needed no EOI, and an end took ");
  Append(Append(visit.did(), by_page).Append(" instead of "), by_register);
  visit.Measure("EOI by the APIC", by_register);
  visit.Measure("EOI by the assist page", by_page);
  visit.Measure("interrupts without EOI", Percent(Whole(without, ""), Whole(kTimes, "")));
  const Amount tpr = TimeOf(kTimes, [] { (void)ReadMsr(MsrIndex::kTpr); });
  if (!ReadMsr(MsrIndex::kTpr).fault.raised) visit.Measure("TPR by MSR", tpr);
}

void VisitAvic(Visit& visit) {
  visit.did().Append("AutoEOI is advised against: every SINT of this tour is ended by EOI");
}

void VisitSynic(Visit& visit) {
  if (!EnableSynic(0)) visit.Fail("the SynIC cannot be turned on");
  SetSint(kMessageSint, SintWithVector(kMessageVector));
  SetSint(kEventSint, SintWithVector(kEventVector));
  Command(TestdevCommand::kCreateMessageConnection, kMessageSint, kMessageId);
  Command(TestdevCommand::kCreateEventConnection, kEventSint, kEventId);
  const Amount message = TimeOfDelivery(visit, g_messages, [] { return Post(kMessageId); });
  const Amount event = TimeOfDelivery(visit, g_events, Signal);
  Command(TestdevCommand::kDestroyMessageConnection, kMessageSint, kMessageId);
  Command(TestdevCommand::kDestroyEventConnection, kEventSint, kEventId);
  visit.did().Append("posted ").AppendDecimal(g_messages).Append(" messages and signalled ");
  visit.did().AppendDecimal(g_events).Append(" events to itself: each message took ");
  Append(Append(visit.did(), message).Append(", each event "), event);
  visit.Measure("message, to its handler's end", message);
  visit.Measure("event, to its handler's end", event);
}

void VisitSintPolling(Visit& visit) {
  tlfs::Sint polled = SintWithVector(kPolledVector);
  tlfs::Sint::Polling::Set(polled, 1);
  SetSint(kPolledSint, polled);
  Command(TestdevCommand::kCreateMessageConnection, kPolledSint, kPolledId);
  const uint64_t start = Rdtsc();
  if (Post(kPolledId) != HvStatus::kSuccess) visit.Fail("the message was refused");
  if (!WaitUntil([] { return !SlotIsFree(0, kPolledSint); })) visit.Fail("no message came");
  const Amount found = Duration(Rdtsc() - start);
  Spin(1000);
  FreeSlot(0, kPolledSint);
  SetSint(kPolledSint, {});
  Command(TestdevCommand::kDestroyMessageConnection, kPolledSint, kPolledId);
  if (g_polled != 0) visit.Fail("a polled source interrupted");
  Append(visit.did().Append("a message was found in its slot after "), found);
  visit.did().Append(", with ").AppendDecimal(g_polled).Append(" interrupts");
  visit.Measure("message, to its being found", found);
}

// The interrupt is pending when the register is read, or comes from the last processor.
void VisitGuestIdle(Visit& visit) {
  constexpr uint64_t kDelayUs = 5000;
  uint64_t delay = LastProcessor() == 0 ? 0 : kDelayUs;
  g_pings = 0;
  const uint64_t start = Rdtsc();
  if (LastProcessor() != 0) {
    PostTo(LastProcessor(), WakeFirst, &delay);
  } else {
    SendIpi(ApicId(), kPingVector);
  }
  if (ReadMsr(MsrIndex::kGuestIdle).fault.raised) visit.Fail("the register cannot be read");
  const Amount slept = Duration(Rdtsc() - start);
  if (!WaitUntil([] { return g_pings == 1; })) visit.Fail("no interrupt had come");
  if (LastProcessor() != 0) WaitFor(LastProcessor());
  visit.did().Append("with interrupts off the processor slept until one came, ");
  Append(visit.did().AppendDecimal(delay).Append(" us later or more: it slept "), slept);
  visit.Measure("slept", slept);
}

void VisitIpi(Visit& visit) {
  bool refused = false;
  const Amount by_call = TimeOfPings(
      visit, [&refused] { refused = SendByHypercall() != HvStatus::kSuccess || refused; });
  if (refused) visit.Fail("a hypercall was refused");
  const uint32_t target = ApicIdOf(LastProcessor());
  const Amount by_icr = TimeOfPings(visit, [target] { SendIpi(target, kPingVector); });
  visit.did().Append("an interrupt to processor ").AppendDecimal(LastProcessor());
  Append(visit.did().Append(" was handled "), by_call).Append(" after a hypercall and ");
  Append(visit.did(), by_icr).Append(" after a write of the ICR");
  visit.Measure("by hypercall, to its handler", by_call);
  visit.Measure("by the ICR, to its handler", by_icr);
  visit.Measure("the hypercall takes", Ratio(by_call, by_icr));
}

}  // namespace hvkit::guest
