// Messages and events between processors, through the connections of hyperv-testdev: each processor
// posts and signals to the next one over several connections at once and does not always take at
// once what it gets. Nothing is lost, repeated or, within a connection, out of order.
//
// On the command line `cpus=N` and `messages=N` (for each connection).

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "hyperv/tlfs/hypercall.h"
#include "testing/guests/lib/apic.h"
#include "testing/guests/lib/guest.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/report.h"
#include "testing/guests/lib/smp.h"
#include "testing/guests/lib/synic.h"
#include "testing/guests/lib/testdev.h"
#include "testing/guests/lib/text.h"

namespace hvkit::guest {
namespace {

using tlfs::CallCode;
using tlfs::HvStatus;

constexpr unsigned kMaxCpus = 4;
// Two connections to one SINT and one to another, of each processor.
constexpr unsigned kConnections = 3;
constexpr unsigned kMessageSints = 2;
constexpr unsigned kFirstSint = 2;
constexpr unsigned kEventSint = 4;
constexpr unsigned kSints = kMessageSints + 1;
constexpr uint8_t kFirstVector = 0x60;
constexpr uint8_t kFirstMessageId = 16;
constexpr uint8_t kFirstEventId = 100;
constexpr uint64_t kHeldEvery = 8;      // of messages that stay in their slot for a while
constexpr uint64_t kSignalsEvery = 16;  // messages
constexpr uint64_t kRounds = 100;
constexpr uint64_t kWait = 20 * kTicksPerMs;
constexpr uint64_t kMoment = kTicksPerMs / 4;
constexpr unsigned kTimer = 0;
constexpr uint8_t kTimerVector = 0xd0;
constexpr uint64_t kPatience = 30 * kTicksPerSecond;
constexpr unsigned kFirstSize = sizeof(uint64_t);

// What a processor has got over one connection.
struct Inbox {
  uint64_t received;
  uint64_t out_of_order;  // lost, repeated or late
  uint64_t damaged;
};

struct Processor {
  unsigned cpu;
  uint64_t messages;  // to send over each connection
  Inbox inboxes[kConnections];
  bool held[kMessageSints];
  uint64_t handled;
  uint64_t pending;   // messages that had to wait for a slot
  uint64_t refusals;  // no buffer
  uint64_t failures;  // other statuses
  uint64_t last_failure;
  // Of events: what the sender counted before its last signal, what the receiver saw.
  std::atomic<uint64_t> signalled;
  std::atomic<uint64_t> seen;
  std::atomic<uint64_t> event_interrupts;
};

constinit Processor g_processors[kMaxCpus] = {};
constinit unsigned g_cpus = 1;
constinit std::atomic<unsigned> g_ready = 0;
constinit std::atomic<unsigned> g_done = 0;
alignas(tlfs::kPageSize) uint8_t g_blocks[kMaxCpus][tlfs::kPageSize];

// Connections are numbered by who receives.
uint8_t MessageId(unsigned receiver, unsigned connection) {
  return static_cast<uint8_t>(kFirstMessageId + receiver * kConnections + connection);
}
uint8_t EventId(unsigned receiver) { return static_cast<uint8_t>(kFirstEventId + receiver); }

unsigned SintOf(unsigned connection) {
  return kFirstSint + (connection == kConnections - 1 ? 1 : 0);
}

uint8_t VectorOf(unsigned cpu, unsigned sint) {
  return static_cast<uint8_t>(kFirstVector + cpu * kSints + sint - kFirstSint);
}

uint8_t ByteOf(uint64_t sequence, unsigned index) { return static_cast<uint8_t>(sequence + index); }

unsigned SizeOf(uint64_t sequence) {
  return kFirstSize +
         static_cast<unsigned>(sequence % (tlfs::kMessagePayloadSize - kFirstSize + 1));
}

bool IsIntact(const volatile uint8_t* payload, unsigned size, uint64_t sequence) {
  if (size != SizeOf(sequence)) return false;
  for (unsigned i = kFirstSize; i < size; ++i) {
    if (payload[i] != ByteOf(sequence, i)) return false;
  }
  return true;
}

// Takes the message out of its slot.
void Take(Processor& processor, unsigned sint) {
  volatile tlfs::MessageHeader& header = SlotHeader(processor.cpu, sint);
  const uint32_t type = static_cast<uint32_t>(header.type);
  if (type == 0) return;
  asm volatile("" : : : "memory");
  const auto* payload = reinterpret_cast<const volatile uint8_t*>(&header + 1);
  const uint64_t sequence = *reinterpret_cast<const volatile uint64_t*>(payload);
  if (type > kConnections) {
    ++processor.inboxes[0].damaged;
  } else {
    Inbox& inbox = processor.inboxes[type - 1];
    if (sequence != inbox.received) ++inbox.out_of_order;
    if (!IsIntact(payload, header.payload_size, sequence)) ++inbox.damaged;
    ++inbox.received;
  }
  asm volatile("" : : : "memory");
  if ((header.flags.raw & tlfs::MessageFlags::MessagePending::kMask) != 0) ++processor.pending;
  FreeSlot(processor.cpu, sint);
}

template <unsigned kCpu, unsigned kIndex>
void OnMessage() {
  Processor& processor = g_processors[kCpu];
  if (processor.handled++ % kHeldEvery == 0) {
    processor.held[kIndex] = true;
  } else if (!processor.held[kIndex]) {
    Take(processor, kFirstSint + kIndex);
  }
}

// What was signalled before the flag was seen has arrived.
template <unsigned kCpu>
void OnEvent() {
  Processor& processor = g_processors[kCpu];
  processor.event_interrupts.fetch_add(1);
  if (TakeEventFlag(kCpu, kEventSint, EventId(kCpu))) {
    processor.seen.store(processor.signalled.load());
  }
}

template <unsigned kCpu>
void SetHandlersOf() {
  SetIrqHandler(VectorOf(kCpu, kFirstSint), OnMessage<kCpu, 0>);
  SetIrqHandler(VectorOf(kCpu, kFirstSint + 1), OnMessage<kCpu, 1>);
  SetIrqHandler(VectorOf(kCpu, kEventSint), OnEvent<kCpu>);
}

template <unsigned... kCpus>
void SetHandlers(std::integer_sequence<unsigned, kCpus...>) {
  (SetHandlersOf<kCpus>(), ...);
}

void Connect(unsigned cpu) {
  g_processors[cpu].cpu = cpu;
  Check(EnableSynic(cpu), "the SynIC can be turned on");
  SetTimerConfig(kTimer, DirectTimer(kTimerVector));
  const auto vp = static_cast<uint8_t>(ReadMsr(tlfs::MsrIndex::kVpIndex).value);
  for (unsigned sint = kFirstSint; sint < kFirstSint + kSints; ++sint) {
    SetSint(sint, SintWithVector(VectorOf(cpu, sint)));
  }
  for (unsigned connection = 0; connection < kConnections; ++connection) {
    const auto sint = static_cast<uint8_t>(SintOf(connection));
    CommandTestdev(TestdevCommand::kCreateMessageConnection, vp, sint, MessageId(cpu, connection));
  }
  CommandTestdev(TestdevCommand::kCreateEventConnection, vp, kEventSint, EventId(cpu));
}

HvStatus Post(unsigned cpu, uint8_t id, uint32_t type, uint64_t sequence) {
  uint8_t* const block = g_blocks[cpu];
  const uint32_t header[] = {id, 0, type, SizeOf(sequence)};
  std::memcpy(block, header, sizeof(header));
  uint8_t* const payload = block + sizeof(header);
  std::memcpy(payload, &sequence, sizeof(sequence));
  for (unsigned i = kFirstSize; i < SizeOf(sequence); ++i) payload[i] = ByteOf(sequence, i);
  return HypercallStatus(static_cast<uint64_t>(CallCode::kPostMessage),
                         reinterpret_cast<uint64_t>(block), 0);
}

HvStatus Signal(uint8_t id) {
  return HypercallStatus(
      static_cast<uint64_t>(CallCode::kSignalEvent) | tlfs::HypercallControl::Fast::kMask, id, 0);
}

// Halts until the next interrupt, or for a moment: others may need the machine's processor.
void Rest() {
  SetTimerCount(kTimer, Now() + kMoment);
  WaitForInterrupt();
}

// Takes interrupts, then what they left in its slots.
void Serve(Processor& processor) {
  ServeInterruptsUntil(Now() + 1);
  for (unsigned i = 0; i < kMessageSints; ++i) {
    if (!std::exchange(processor.held[i], false)) continue;
    Take(processor, kFirstSint + i);
  }
}

void PostUntilTaken(Processor& processor, unsigned receiver, unsigned connection,
                    uint64_t sequence) {
  const uint64_t limit = Now() + kPatience;
  while (Now() < limit) {
    const HvStatus status =
        Post(processor.cpu, MessageId(receiver, connection), connection + 1, sequence);
    if (status == HvStatus::kSuccess) return;
    processor.last_failure = static_cast<uint64_t>(status);
    if (status != HvStatus::kInsufficientBuffers) break;
    ++processor.refusals;
    Serve(processor);
    Rest();
  }
  ++processor.failures;
}

void SignalTo(Processor& processor, unsigned receiver, uint64_t count) {
  g_processors[receiver].signalled.store(count);
  if (Signal(EventId(receiver)) != HvStatus::kSuccess) ++processor.failures;
}

bool HasAll(const Processor& processor) {
  for (const Inbox& inbox : processor.inboxes) {
    if (inbox.received < processor.messages) return false;
  }
  return processor.seen.load() == processor.messages;
}

// One processor may be far ahead of another. Whoever gets nothing more for long gives up.
void ServeUntilAllAreDone(Processor& processor) {
  bool counted = false;
  uint64_t handled = processor.handled;
  uint64_t limit = Now() + kPatience;
  while (g_done.load() < g_cpus) {
    Serve(processor);
    if (processor.handled != handled) limit = Now() + kPatience;
    handled = processor.handled;
    if (!counted && (HasAll(processor) || Now() >= limit)) {
      g_done.fetch_add(1);
      counted = true;
    }
    Rest();
  }
}

void SendAndReceive(void* argument) {
  auto& processor = *static_cast<Processor*>(argument);
  const unsigned receiver = (processor.cpu + 1) % g_cpus;
  g_ready.fetch_add(1);
  while (g_ready.load() < g_cpus) Pause();
  for (uint64_t sequence = 0; sequence < processor.messages; ++sequence) {
    for (unsigned connection = 0; connection < kConnections; ++connection) {
      PostUntilTaken(processor, receiver, connection, sequence);
      Serve(processor);
    }
    const uint64_t count = sequence + 1;
    if (count % kSignalsEvery == 0 || count == processor.messages) {
      SignalTo(processor, receiver, count);
    }
    if (processor.failures != 0) break;
  }
  ServeUntilAllAreDone(processor);
}

void Report(unsigned cpu) {
  const Processor& processor = g_processors[cpu];
  CheckEqual(processor.failures == 0 ? 0 : processor.last_failure, 0,
             "each message and event is taken");
  for (const Inbox& inbox : processor.inboxes) {
    CheckEqual(inbox.received, processor.messages, "each message arrives once");
    CheckEqual(inbox.out_of_order, 0, "messages of a connection keep their order");
    CheckEqual(inbox.damaged, 0, "messages arrive as they were posted");
  }
  CheckEqual(processor.seen.load(), processor.messages, "the last event arrives");
  Check(processor.pending != 0, "messages waited for their slot");
  Print(Text()
            .Append("waited: ")
            .AppendDecimal(processor.pending)
            .Append(", refused: ")
            .AppendDecimal(processor.refusals)
            .Append(", event interrupts: ")
            .AppendDecimal(processor.event_interrupts.load())
            .c_str());
}

// Waits with interrupts on.
template <typename Condition>
bool ComesTrue(Condition condition) {
  const uint64_t limit = Now() + kTicksPerSecond;
  while (!condition() && Now() < limit) {
    Rest();
  }
  return condition();
}

// Events from a processor to itself, one by one.
void CheckEvents(unsigned cpu) {
  Processor& processor = g_processors[cpu];
  bool all = true;
  for (uint64_t round = 1; round <= kRounds; ++round) {
    SignalTo(processor, cpu, round);
    all = ComesTrue([&] { return processor.seen.load() == round; }) && all;
  }
  Check(all && processor.failures == 0, "each of many events arrives");
  // With interrupts off the flag stays, and the second signal changes nothing.
  const uint64_t before = processor.event_interrupts.load();
  const auto is_set = [cpu] { return HasEventFlag(cpu, kEventSint, EventId(cpu)); };
  SignalTo(processor, cpu, 0);
  for (const uint64_t limit = Now() + kTicksPerSecond; !is_set() && Now() < limit;) Pause();
  Check(is_set(), "an event sets its flag");
  SignalTo(processor, cpu, 0);
  ServeInterruptsUntil(Now() + kWait);
  CheckEqual(processor.event_interrupts.load() - before, 1,
             "an event whose flag is set does not interrupt again");
  processor.seen.store(0);
}

// Full: a slot and its queue.
void CheckFlowControl() {
  constexpr unsigned kMany = 100;
  const uint8_t id = MessageId(0, 0);
  unsigned posted = 0;
  HvStatus status = HvStatus::kSuccess;
  while (posted < kMany && status == HvStatus::kSuccess) {
    status = Post(0, id, 1, posted);
    if (status == HvStatus::kSuccess) ++posted;
  }
  CheckEqual(static_cast<uint64_t>(status), static_cast<uint64_t>(HvStatus::kInsufficientBuffers),
             "a connection whose receiver takes nothing runs out of buffers");
  Check(posted > 1 && posted < kMany, "but it has some");
  Processor& self = g_processors[0];
  const auto is_through = [&] { return self.inboxes[0].received == posted; };
  for (const uint64_t limit = Now() + kTicksPerSecond; !is_through() && Now() < limit;) {
    Serve(self);
    Rest();
  }
  CheckEqual(self.inboxes[0].received, posted, "what it took arrives");
  CheckEqual(self.inboxes[0].out_of_order, 0, "in order");
  self.inboxes[0].received = 0;
}

void CheckRoute() {
  const auto vp = static_cast<uint8_t>(ReadMsr(tlfs::MsrIndex::kVpIndex).value);
  const uint64_t before = g_processors[0].event_interrupts.load();
  CommandTestdev(TestdevCommand::kCreateRoute, vp, kEventSint, 0);
  CommandTestdev(TestdevCommand::kRaise, vp, kEventSint, 0);
  Check(ComesTrue([before] { return g_processors[0].event_interrupts.load() > before; }),
        "the device can raise a SINT");
  CommandTestdev(TestdevCommand::kDestroyRoute, vp, kEventSint, 0);
}

void Disconnect() {
  const uint8_t message = MessageId(0, 0);
  CommandTestdev(TestdevCommand::kDestroyMessageConnection, 0, kFirstSint, message);
  CommandTestdev(TestdevCommand::kDestroyEventConnection, 0, kEventSint, EventId(0));
  constexpr auto kGone = static_cast<uint64_t>(HvStatus::kInvalidConnectionId);
  CheckEqual(static_cast<uint64_t>(Post(0, message, 1, 0)), kGone,
             "a message connection that was destroyed is gone");
  CheckEqual(static_cast<uint64_t>(Signal(EventId(0))), kGone,
             "an event connection that was destroyed is gone");
}

}  // namespace

void GuestMain(const BootInfo& boot) {
  g_cpus = static_cast<unsigned>(CmdlineNumber(boot, "cpus=", 1));
  if (g_cpus > kMaxCpus) Fatal("cpus=", "the guest has room for 4");
  SetHandlers(std::make_integer_sequence<unsigned, kMaxCpus>());
  StartCpus(g_cpus);
  StartReferenceTime();
  Check(EnableHypercalls(), "the hypercall page can be turned on");
  RunOnEach(g_cpus, Connect);
  RunOnEach(g_cpus, CheckEvents);
  CheckRoute();
  CheckFlowControl();
  for (unsigned cpu = 0; cpu < g_cpus; ++cpu) {
    g_processors[cpu].messages = CmdlineNumber(boot, "messages=", 1000);
  }
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) PostTo(cpu, SendAndReceive, &g_processors[cpu]);
  SendAndReceive(&g_processors[0]);
  for (unsigned cpu = 1; cpu < g_cpus; ++cpu) WaitFor(cpu);
  RunOnEach(g_cpus, Report);
  Disconnect();
}

}  // namespace hvkit::guest
