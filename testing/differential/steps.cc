#include "testing/differential/steps.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <utility>

#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/synic.h"
#include "hyperv/tlfs/timer.h"
#include "testing/differential/settling.h"
#include "testing/guests/lib/boot_info.h"
#include "testing/guests/lib/callers.h"
#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/testdev.h"

namespace hvkit::guest {
namespace {

using testing::Record;
using testing::Step;
using testing::StepKind;
using tlfs::MsrIndex;

constexpr uint64_t kPatience = 5'000'000;  // 500 ms, in units of 100 ns
constexpr uint64_t kNoMemory = 0xe0000000;
constexpr size_t kOutputBytes = 64;
constexpr size_t kMaxWritten = 64;
constexpr size_t kMaxConnections = 8;
constexpr uint64_t kHashStart = 0xcbf29ce484222325;
constexpr uint64_t kHashFactor = 0x100000001b3;

struct Connection {
  uint8_t undo;
  uint8_t vp;
  uint8_t sint;
  uint8_t id;
};

// What a VP has to remember within a program. Owned by that VP.
struct Vp {
  uint64_t last_time;
  uint64_t last_runtime;
  uint64_t timer_counts[tlfs::kStimerCount];
  uint32_t written[kMaxWritten];
  uint32_t written_count;
  Connection connections[kMaxConnections];
  uint32_t connection_count;
};

constinit Vp g_vps[testing::kMaxCpus] = {};
alignas(tlfs::kPageSize) uint8_t g_input[testing::kMaxCpus][2 * tlfs::kPageSize];
alignas(tlfs::kPageSize) uint8_t g_output[testing::kMaxCpus][tlfs::kPageSize];

// Whether a connection or a route was made since the reset: then threads of the VMM take part.
constinit std::atomic<bool> g_devices_take_part = false;
// Whether the hypercall page is where the guest has it.
constinit std::atomic<bool> g_hypercalls_are_on = false;

Vp& ThisVpState() { return g_vps[ThisVp()]; }

// The library's goes byte by byte. `size` is a multiple of 8.
void Zero(void* at, size_t size) {
  size_t words = size / sizeof(uint64_t);
  asm volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(uint64_t{0}) : "memory");
}

void* At(uint64_t address) { return const_cast<uint8_t*>(AtAddress<uint8_t>(address)); }

void SettleDevicesInUse() {
  if (g_devices_take_part.load(std::memory_order_relaxed)) SettleDevices();
}

uint64_t Now() { return ReadMsr(MsrIndex::kTimeRefCount).value; }

bool IsMsr(const Step& step, MsrIndex index) { return step.index == static_cast<uint32_t>(index); }

// On SVM bits 3:0 are gone at some exits: at which depends on what is pending just then.
constexpr uint64_t kTprKept = ~uint64_t{0xf};

// What the register's value tells: a time only whether it goes on, a timer's how it lies to its
// count.
uint64_t Tell(const Step& step, Vp& vp, uint64_t value) {
  if (IsMsr(step, MsrIndex::kTpr)) return value & kTprKept;
  const uint32_t timer = step.index - static_cast<uint32_t>(MsrIndex::kStimer0Count);
  if (timer < 2 * tlfs::kStimerCount && timer % 2 == 0) return value - vp.timer_counts[timer / 2];
  uint64_t* last = nullptr;
  if (IsMsr(step, MsrIndex::kTimeRefCount)) last = &vp.last_time;
  if (IsMsr(step, MsrIndex::kVpRuntime)) last = &vp.last_runtime;
  if (last == nullptr) return value;
  return std::exchange(*last, value) <= value ? 1 : 0;
}

void ReadBack(const Step& step, Record& record) {
  const MsrRead read = ReadMsr(step.index);
  record.fault2 = read.fault.vector;
  record.value = Tell(step, ThisVpState(), read.value);
}

Record Read(const Step& step) {
  const MsrRead read = ReadMsr(step.index);
  return {.fault = read.fault.vector, .value = Tell(step, ThisVpState(), read.value)};
}

// A program names the hypercall page by a token.
uint64_t Resolve(uint64_t value) {
  if ((value & ~(testing::kPageBytes - 1)) != testing::kHypercallPageToken) return value;
  return reinterpret_cast<uint64_t>(HypercallPage()) | (value & (testing::kPageBytes - 1));
}

void NoteWritten(Vp& vp, uint32_t index) {
  for (uint32_t i = 0; i < vp.written_count; ++i) {
    if (vp.written[i] == index) return;
  }
  if (vp.written_count != kMaxWritten) vp.written[vp.written_count++] = index;
}

void NoteHypercalls() {
  const uint64_t msr = ReadMsr(MsrIndex::kHypercall).value;
  g_hypercalls_are_on = msr == (reinterpret_cast<uint64_t>(HypercallPage()) | 1);
}

bool IsSynicMsr(const Step& step) {
  return step.index - static_cast<uint32_t>(MsrIndex::kScontrol) <=
         static_cast<uint32_t>(MsrIndex::kSint15) - static_cast<uint32_t>(MsrIndex::kScontrol);
}

Record Write(const Step& step) {
  NoteWritten(ThisVpState(), step.index);
  const uint64_t value = Resolve(step.value);
  Record record = {.fault = WriteMsr(step.index, value).vector};
  if (IsMsr(step, MsrIndex::kGuestOsId) || IsMsr(step, MsrIndex::kHypercall)) NoteHypercalls();
  if (IsSynicMsr(step)) SettleDevicesInUse();
  if (IsMsr(step, MsrIndex::kEoi) || IsMsr(step, MsrIndex::kIcr)) return record;
  ReadBack(step, record);
  return record;
}

uint64_t PlaceOutput(unsigned cpu, const Step& step, uint64_t input) {
  if (step.sint == testing::kOutputOnInput) return input;
  return reinterpret_cast<uint64_t>(g_output[cpu]);
}

HypercallRegisters MakeRegisters(unsigned cpu, const Step& step) {
  HypercallRegisters registers = {.control = step.value, .input = 0, .output = 0, .xmm = {}};
  if ((step.value & tlfs::HypercallControl::Fast::kMask) != 0) {
    registers.input = step.words[0];
    registers.output = step.words[1];
    std::memcpy(registers.xmm, &step.words[2], sizeof(step.words) - 16);
    return registers;
  }
  std::memcpy(&g_input[cpu][step.index], step.words, sizeof(step.words));
  const uint64_t base =
      step.sint == testing::kBeyondMemory ? kNoMemory : reinterpret_cast<uint64_t>(g_input[cpu]);
  registers.input = base + step.index;
  registers.output = PlaceOutput(cpu, step, registers.input);
  return registers;
}

uint64_t Hash(const void* bytes, size_t size, uint64_t hash = kHashStart) {
  const auto* words = static_cast<const uint32_t*>(bytes);
  for (size_t i = 0; i < size / sizeof(*words); ++i) hash = (hash ^ words[i]) * kHashFactor;
  return hash;
}

bool ReachesDevices(const Step& step) {
  const auto code = static_cast<tlfs::CallCode>(step.value & tlfs::HypercallControl::Code::kMask);
  return code == tlfs::CallCode::kPostMessage || code == tlfs::CallCode::kSignalEvent;
}

Record Call(const Step& step) {
  if (!g_hypercalls_are_on) return {.skipped = 1};
  const unsigned cpu = ThisVp();
  HypercallRegisters registers = MakeRegisters(cpu, step);
  const HypercallRegisters before = registers;
  const HypercallReturn answer = CallHypervisor(Caller::k64BitCode, registers);
  const uint64_t output = Hash(g_output[cpu], kOutputBytes);
  Zero(g_output[cpu], kOutputBytes);
  Zero(&g_input[cpu][step.index], sizeof(step.words));
  if (ReachesDevices(step)) SettleDevicesInUse();
  return {.fault = answer.fault.vector,
          .detail = std::memcmp(before.xmm, registers.xmm, sizeof(before.xmm)) == 0 ? 0U : 1U,
          .value = answer.result,
          .value2 = output};
}

tlfs::Message& SlotOf(uint64_t page, unsigned sint) {
  return static_cast<tlfs::MessagePage*>(At(page))->slots[sint];
}

// The times of a timer's message are not to be found later, below a shorter one or as no message.
void ForgetTimes(tlfs::Message& message) {
  Zero(&message.payload, sizeof(tlfs::TimerMessagePayload));
}

// Of a slot's first word: flags of a message that have no meaning.
constexpr uint64_t kOtherFlags = uint64_t{0xff & ~tlfs::MessageFlags::MessagePending::kMask}
                                 << (8 * offsetof(tlfs::MessageHeader, flags));

Record Store(const Step& step) {
  const uint64_t page = testing::PageAt(ThisVp(), step.page);
  uint64_t value = step.value;
  if (step.index % sizeof(tlfs::Message) == 0) {
    ForgetTimes(SlotOf(page, step.index / sizeof(tlfs::Message)));
    // KVM's timers clear them (docs/divergences.md), which a digest could not tell from all else.
    value &= ~kOtherFlags;
  }
  *static_cast<volatile uint64_t*>(At(page + step.index)) = value;
  return {};
}

bool IsTimerMessage(const tlfs::Message& message) {
  return message.header.type == tlfs::MessageType::kTimerExpired;
}

// Without the times of timers' messages. `detail` has a bit for each slot with a message and, above
// those, for each whose message says that another one waits; `value2` is how the first of them
// begins.
Record DigestPage(const Step& step) {
  const uint64_t page = testing::PageAt(ThisVp(), step.page);
  Record record = {.value = kHashStart};
  for (unsigned slot = 0; slot < tlfs::kSintCount; ++slot) {
    const tlfs::Message& message = SlotOf(page, slot);
    const size_t size =
        IsTimerMessage(message) ? sizeof(tlfs::MessageHeader) + sizeof(uint64_t) : sizeof(message);
    record.value = Hash(&message, size, record.value);
    if (message.header.type == tlfs::MessageType::kNone) continue;
    if (record.detail == 0) std::memcpy(&record.value2, &message, sizeof(record.value2));
    record.detail |= 1U << slot;
    const bool waits = (message.header.flags.raw & tlfs::MessageFlags::MessagePending::kMask) != 0;
    if (waits) record.detail |= 1U << tlfs::kSintCount << slot;
  }
  return record;
}

uint64_t TellTimes(const Vp& vp, const tlfs::Message& message) {
  tlfs::TimerMessagePayload payload;
  std::memcpy(&payload, message.payload.data(), sizeof(payload));
  const uint64_t count = vp.timer_counts[payload.timer_index % tlfs::kStimerCount];
  const uint64_t due = payload.expiration_time == count  ? 0
                       : payload.expiration_time > count ? 1
                                                         : 2;
  const uint64_t order = payload.delivery_time >= payload.expiration_time ? 0 : 1;
  return payload.timer_index | due << 32 | order << 40;
}

Record FreeSlot(const Step& step) {
  tlfs::Message& message = SlotOf(testing::PageAt(ThisVp(), step.page), step.sint);
  Record record;
  std::memcpy(&record.value, &message.header, sizeof(record.value));
  if (IsTimerMessage(message)) {
    record.value2 = TellTimes(ThisVpState(), message);
    ForgetTimes(message);
  } else {
    std::memcpy(&record.value2, message.payload.data(), sizeof(record.value2));
  }
  volatile tlfs::MessageHeader& header = message.header;
  header.type = tlfs::MessageType::kNone;
  asm volatile("mfence" : : : "memory");
  const bool waits = (header.flags.raw & tlfs::MessageFlags::MessagePending::kMask) != 0;
  if (waits || step.value == 1) {
    (void)WriteMsr(MsrIndex::kEom, 0);
    SettleDevicesInUse();
  }
  return record;
}

uint32_t TimerCountMsr(unsigned timer) {
  return static_cast<uint32_t>(MsrIndex::kStimer0Count) + 2 * timer;
}

Record ArmTimer(const Step& step) {
  Vp& vp = ThisVpState();
  const bool is_soon = step.index == 1 && step.value < testing::kSoonest;
  // One that is pending with the same vector would be the same interrupt, if this one comes
  // quickly.
  if (is_soon) LetInterruptsIn();
  const uint64_t count = step.value + (step.index == 1 ? Now() : 0);
  vp.timer_counts[step.sint] = count;
  NoteWritten(vp, TimerCountMsr(step.sint));
  Record record = {.fault = WriteMsr(TimerCountMsr(step.sint), count).vector};
  if (is_soon) SettleTimers();
  const MsrRead read = ReadMsr(TimerCountMsr(step.sint));
  record.fault2 = read.fault.vector;
  record.value = read.value - count;
  return record;
}

// How many interrupts a timer makes depends on the load, but not that they come.
Record Tick(const Step& step) {
  Vp& vp = ThisVpState();
  const auto vector = static_cast<uint8_t>(testing::kFirstCountedVector + step.index);
  tlfs::StimerConfig config;
  tlfs::StimerConfig::AutoEnable::Set(config, 1);
  tlfs::StimerConfig::Periodic::Set(config, 1);
  tlfs::StimerConfig::DirectMode::Set(config, 1);
  tlfs::StimerConfig::ApicVector::Set(config, vector);
  (void)TakeInterrupts(0);
  NoteWritten(vp, TimerCountMsr(step.sint));
  NoteWritten(vp, TimerCountMsr(step.sint) - 1);
  vp.timer_counts[step.sint] = step.value;
  Record record = {.fault = WriteMsr(TimerCountMsr(step.sint) - 1, config.raw).vector};
  record.fault2 = WriteMsr(TimerCountMsr(step.sint), step.value).vector;
  const uint64_t end = Now() + kPatience;
  while (CountOf(vector) < 2 && Now() < end) SettleTimers();
  record.detail = CountOf(vector) < 2 ? 0 : 2;
  (void)WriteMsr(TimerCountMsr(step.sint) - 1, 0);
  LetInterruptsIn();
  (void)TakeInterrupts(0);
  return record;
}

Record TellInterrupts(const Step& step) {
  if (LetInterruptsIn()) SettleDevicesInUse();
  return {.value = TakeInterrupts(static_cast<unsigned>(step.value))};
}

void Command(uint8_t command, const Connection& to) {
  CommandTestdev(static_cast<TestdevCommand>(command), to.vp, to.sint, to.id);
}

// The command that takes back one that creates; 0: none.
uint8_t UndoOf(uint64_t command) {
  switch (static_cast<TestdevCommand>(command)) {
    case TestdevCommand::kCreateRoute:
    case TestdevCommand::kCreateMessageConnection:
    case TestdevCommand::kCreateEventConnection:
      return static_cast<uint8_t>(command + 1);
    default:
      return 0;
  }
}

Record UseTestdev(const Step& step) {
  Vp& vp = ThisVpState();
  const uint8_t undo = UndoOf(step.value);
  const Connection connection = {undo, step.page, step.sint, static_cast<uint8_t>(step.index)};
  if (undo != 0) {
    if (vp.connection_count == kMaxConnections) return {.skipped = 1};
    vp.connections[vp.connection_count++] = connection;
    g_devices_take_part = true;
  }
  Command(static_cast<uint8_t>(step.value), connection);
  if (undo == 0) SettleDevicesInUse();
  return {};
}

Record TellCpuid(const Step& step) {
  const CpuidResult r = guest::Cpuid(step.index);
  return {.value = uint64_t{r.ebx} << 32 | r.eax, .value2 = uint64_t{r.edx} << 32 | r.ecx};
}

Record Do(const Step& step) {
  switch (step.kind) {
    case StepKind::kReadMsr:
      return Read(step);
    case StepKind::kWriteMsr:
      return Write(step);
    case StepKind::kHypercall:
      return Call(step);
    case StepKind::kStore:
      return Store(step);
    case StepKind::kDigestPage:
      return DigestPage(step);
    case StepKind::kFreeSlot:
      return FreeSlot(step);
    case StepKind::kArmTimer:
      return ArmTimer(step);
    case StepKind::kTick:
      return Tick(step);
    case StepKind::kSettle:
      return TellInterrupts(step);
    case StepKind::kTestdev:
      return UseTestdev(step);
    case StepKind::kCpuid:
      return TellCpuid(step);
    case StepKind::kResetVp:
    case StepKind::kBarrier:
      break;  // of all VPs (guest.cc)
  }
  return {};
}

bool IsTimer(uint32_t index) {
  return index - static_cast<uint32_t>(MsrIndex::kStimer0Config) < 2 * tlfs::kStimerCount;
}

// Registers that act when they are written, or end the guest, have no reset value.
bool IsCommand(uint32_t index) {
  switch (static_cast<MsrIndex>(index)) {
    case MsrIndex::kReset:
    case MsrIndex::kEoi:
    case MsrIndex::kIcr:
    case MsrIndex::kCrashCtl:
      return true;
    default:
      return false;
  }
}

uint64_t ResetValue(uint32_t index) {
  const uint32_t sint = index - static_cast<uint32_t>(MsrIndex::kSint0);
  if (sint < tlfs::kSintCount) return tlfs::Sint::kResetValue;
  return index == static_cast<uint32_t>(MsrIndex::kScontrol) ? 1 : 0;
}

bool HasWritten(const Vp& vp, MsrIndex index) {
  const uint32_t* const end = vp.written + vp.written_count;
  return std::find(vp.written, end, static_cast<uint32_t>(index)) != end;
}

// Overlay pages keep their bytes while they are off; the one on top hides the other.
void ClearOverlays(const Vp& vp, unsigned cpu) {
  constexpr MsrIndex kOverlays[] = {MsrIndex::kSimp, MsrIndex::kSiefp};
  for (const MsrIndex index : kOverlays) {
    if (HasWritten(vp, index)) (void)WriteMsr(index, 0);
  }
  for (const MsrIndex index : kOverlays) {
    if (!HasWritten(vp, index)) continue;
    (void)WriteMsr(index, testing::PageAt(cpu, 0) | 1);
    Zero(At(testing::PageAt(cpu, 0)), testing::kPageBytes);
    (void)WriteMsr(index, 0);
  }
}

void WriteBack(const Vp& vp, bool timers) {
  for (uint32_t i = 0; i < vp.written_count; ++i) {
    const uint32_t index = vp.written[i];
    if (IsTimer(index) != timers || IsCommand(index)) continue;
    (void)WriteMsr(index, ResetValue(index));
  }
}

}  // namespace

Record RunStep(const Step& step) {
  Record record = Do(step);
  record.done = 1;
  return record;
}

uint64_t DigestVp() {
  constexpr MsrIndex kRegisters[] = {
      MsrIndex::kVpIndex, MsrIndex::kVpAssistPage, MsrIndex::kScontrol,
      MsrIndex::kSiefp,   MsrIndex::kSimp,         MsrIndex::kSversion,
  };
  uint64_t digest = kHashStart;
  const auto add = [&digest](MsrRead read, uint64_t told = ~uint64_t{0}) {
    const uint64_t value = read.value & told;
    const uint32_t words[] = {read.fault.vector, static_cast<uint32_t>(value),
                              static_cast<uint32_t>(value >> 32)};
    digest = Hash(words, sizeof(words), digest);
  };
  for (const MsrIndex index : kRegisters) add(ReadMsr(index));
  add(ReadMsr(MsrIndex::kTpr), kTprKept);
  for (uint32_t i = 0; i < tlfs::kSintCount; ++i) {
    add(ReadMsr(static_cast<uint32_t>(MsrIndex::kSint0) + i));
  }
  for (uint32_t i = 0; i < testing::kProgramTimers; ++i) {
    add(ReadMsr(static_cast<uint32_t>(MsrIndex::kStimer0Config) + 2 * i));
  }
  return digest;
}

void ResetVp() {
  const unsigned cpu = ThisVp();
  Vp& vp = g_vps[cpu];
  for (uint32_t i = 0; i < vp.connection_count; ++i) {
    Command(vp.connections[i].undo, vp.connections[i]);
  }
  WriteBack(vp, true);
  ClearOverlays(vp, cpu);
  WriteBack(vp, false);
  if (vp.written_count != 0) (void)WriteMsr(MsrIndex::kEom, 0);
  SettleDevicesInUse();
  LetInterruptsIn();
  (void)TakeInterrupts(0);
  Zero(At(testing::PageAt(cpu, 0)), testing::kPagesPerCpu * testing::kPageBytes);
  vp = {};
}

void ResetShared() {
  (void)WriteMsr(MsrIndex::kReferenceTsc, 0);
  // KVM keeps HYPERCALL as it is while there is no id.
  (void)WriteMsr(MsrIndex::kGuestOsId, 1);
  (void)WriteMsr(MsrIndex::kHypercall, 0);
  (void)WriteMsr(MsrIndex::kGuestOsId, 0);
  g_hypercalls_are_on = false;
  g_devices_take_part = false;
}

}  // namespace hvkit::guest
