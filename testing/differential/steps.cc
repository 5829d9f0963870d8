#include "testing/differential/steps.h"

#include <cstddef>
#include <cstring>
#include <utility>

#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/msr.h"
#include "hyperv/tlfs/synic.h"
#include "hyperv/tlfs/timer.h"
#include "testing/guests/lib/callers.h"
#include "testing/guests/lib/cpu.h"
#include "testing/guests/lib/hyperv.h"
#include "testing/guests/lib/interrupts.h"
#include "testing/guests/lib/layout.h"
#include "testing/guests/lib/testdev.h"

namespace hvkit::guest {
namespace {

using testing::Record;
using testing::Step;
using testing::StepKind;
using tlfs::MsrIndex;

// A busy host may not run what sends the interrupt for all of a short time, so both count.
constexpr uint64_t kSettleTicks = 25'000;  // 2.5 ms, in units of 100 ns
constexpr int kSettleRounds = 10;
constexpr uint64_t kNoMemory = 0xe0000000;
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
  uint8_t interrupts[testing::kCountedVectors];
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

// PrepareUserMode gave each processor its own task register.
unsigned ThisCpu() {
  uint16_t selector;
  asm volatile("str %0" : "=r"(selector));
  return (selector - unsigned{FIRST_TSS}) / 16;
}

Vp& ThisVp() { return g_vps[ThisCpu()]; }

template <unsigned kIndex>
void Count() {
  uint8_t& count = ThisVp().interrupts[kIndex];
  if (count != 15) ++count;
}

template <unsigned... kIndices>
void SetHandlers(std::integer_sequence<unsigned, kIndices...>) {
  (SetIrqHandler(testing::kFirstCountedVector + kIndices, Count<kIndices>), ...);
}

uint64_t Now() { return ReadMsr(MsrIndex::kTimeRefCount).value; }

// The interrupts since the last time, 4 bits for each vector.
uint64_t TakeInterrupts(Vp& vp) {
  uint64_t all = 0;
  for (unsigned i = 0; i < testing::kCountedVectors; ++i) {
    all |= uint64_t{vp.interrupts[i]} << (4 * i);
    vp.interrupts[i] = 0;
  }
  return all;
}

void LetInterruptsIn(uint64_t ticks, int rounds) {
  const uint64_t end = Now() + ticks;
  EnableInterrupts();
  for (int round = 0; round < rounds || Now() < end; ++round) {
    for (int i = 0; i < 200; ++i) Pause();
  }
  DisableInterrupts();
}

bool IsMsr(const Step& step, MsrIndex index) { return step.index == static_cast<uint32_t>(index); }

// What the register's value tells: a time only whether it goes on, a timer's how it lies to its
// count.
uint64_t Tell(const Step& step, Vp& vp, uint64_t value) {
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
  record.value = Tell(step, ThisVp(), read.value);
}

Record Read(const Step& step) {
  const MsrRead read = ReadMsr(step.index);
  return {.fault = read.fault.vector, .value = Tell(step, ThisVp(), read.value)};
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

Record Write(const Step& step) {
  NoteWritten(ThisVp(), step.index);
  const uint64_t value = Resolve(step.value);
  Record record = {.fault = WriteMsr(step.index, value).vector};
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
  std::memset(g_input[cpu], 0, sizeof(g_input[cpu]));
  std::memcpy(&g_input[cpu][step.index], step.words, sizeof(step.words));
  const uint64_t base =
      step.sint == testing::kBeyondMemory ? kNoMemory : reinterpret_cast<uint64_t>(g_input[cpu]);
  registers.input = base + step.index;
  registers.output = PlaceOutput(cpu, step, registers.input);
  return registers;
}

bool HypercallsAreOn() {
  const uint64_t msr = ReadMsr(MsrIndex::kHypercall).value;
  return msr == (reinterpret_cast<uint64_t>(HypercallPage()) | 1);
}

uint64_t Hash(const void* bytes, size_t size, uint64_t hash = kHashStart) {
  const auto* words = static_cast<const uint32_t*>(bytes);
  for (size_t i = 0; i < size / sizeof(*words); ++i) hash = (hash ^ words[i]) * kHashFactor;
  return hash;
}

Record Call(const Step& step) {
  if (!HypercallsAreOn()) return {.skipped = 1};
  const unsigned cpu = ThisCpu();
  HypercallRegisters registers = MakeRegisters(cpu, step);
  const HypercallRegisters before = registers;
  std::memset(g_output[cpu], 0, 64);
  const HypercallReturn answer = CallHypervisor(Caller::k64BitCode, registers);
  return {.fault = answer.fault.vector,
          .detail = std::memcmp(before.xmm, registers.xmm, sizeof(before.xmm)) == 0 ? 0U : 1U,
          .value = answer.result,
          .value2 = Hash(g_output[cpu], 64)};
}

Record Store(const Step& step) {
  const uint64_t at = testing::PageAt(ThisCpu(), step.page) + step.index;
  *reinterpret_cast<volatile uint64_t*>(at) = step.value;
  return {};
}

const tlfs::Message& SlotOf(uint64_t page, unsigned sint) {
  return reinterpret_cast<const tlfs::MessagePage*>(page)->slots[sint];
}

bool IsTimerMessage(const tlfs::Message& message) {
  return message.header.type == tlfs::MessageType::kTimerExpired;
}

bool IsZero(const tlfs::Message& message) {
  uint64_t words[sizeof(message) / sizeof(uint64_t)];
  std::memcpy(words, &message, sizeof(words));
  uint64_t all = 0;
  for (const uint64_t word : words) all |= word;
  return all == 0;
}

// Without the times of timers' messages. `detail` has a bit for each slot that is not zero,
// `value2` how the first of them begins.
Record DigestPage(const Step& step) {
  const uint64_t page = testing::PageAt(ThisCpu(), step.page);
  Record record = {.value = kHashStart};
  for (unsigned slot = 0; slot < tlfs::kSintCount; ++slot) {
    const tlfs::Message& message = SlotOf(page, slot);
    const size_t size =
        IsTimerMessage(message) ? sizeof(tlfs::MessageHeader) + sizeof(uint64_t) : sizeof(message);
    record.value = Hash(&message, size, record.value);
    if (IsZero(message)) continue;
    if (record.detail == 0) std::memcpy(&record.value2, &message, sizeof(record.value2));
    record.detail |= 1U << slot;
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
  const tlfs::Message& message = SlotOf(testing::PageAt(ThisCpu(), step.page), step.sint);
  Record record;
  std::memcpy(&record.value, &message.header, sizeof(record.value));
  if (IsTimerMessage(message)) {
    record.value2 = TellTimes(ThisVp(), message);
  } else {
    std::memcpy(&record.value2, message.payload.data(), sizeof(record.value2));
  }
  auto& header = const_cast<volatile tlfs::MessageHeader&>(message.header);
  header.type = tlfs::MessageType::kNone;
  asm volatile("mfence" : : : "memory");
  const bool waits = (header.flags.raw & tlfs::MessageFlags::MessagePending::kMask) != 0;
  if (waits || step.value == 1) (void)WriteMsr(MsrIndex::kEom, 0);
  return record;
}

uint32_t TimerCountMsr(unsigned timer) {
  return static_cast<uint32_t>(MsrIndex::kStimer0Count) + 2 * timer;
}

Record ArmTimer(const Step& step) {
  Vp& vp = ThisVp();
  const uint64_t count = step.value + (step.index == 1 ? Now() : 0);
  vp.timer_counts[step.sint] = count;
  NoteWritten(vp, TimerCountMsr(step.sint));
  Record record = {.fault = WriteMsr(TimerCountMsr(step.sint), count).vector};
  const MsrRead read = ReadMsr(TimerCountMsr(step.sint));
  record.fault2 = read.fault.vector;
  record.value = read.value - count;
  return record;
}

Record Settle() {
  LetInterruptsIn(kSettleTicks, kSettleRounds);
  return {.value = TakeInterrupts(ThisVp())};
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
  Vp& vp = ThisVp();
  const uint8_t undo = UndoOf(step.value);
  const Connection connection = {undo, step.page, step.sint, static_cast<uint8_t>(step.index)};
  if (undo != 0) {
    if (vp.connection_count == kMaxConnections) return {.skipped = 1};
    vp.connections[vp.connection_count++] = connection;
  }
  Command(static_cast<uint8_t>(step.value), connection);
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
    case StepKind::kSettle:
      return Settle();
    case StepKind::kTestdev:
      return UseTestdev(step);
    case StepKind::kCpuid:
      return TellCpuid(step);
    case StepKind::kBarrier:
      break;
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

void WriteBack(const Vp& vp, bool timers) {
  for (uint32_t i = 0; i < vp.written_count; ++i) {
    const uint32_t index = vp.written[i];
    if (IsTimer(index) != timers || IsCommand(index)) continue;
    (void)WriteMsr(index, ResetValue(index));
  }
}

}  // namespace

void PrepareSteps() {
  SetHandlers(std::make_integer_sequence<unsigned, testing::kCountedVectors>());
}

Record RunStep(const Step& step) {
  Record record = Do(step);
  record.done = 1;
  return record;
}

void ResetVp() {
  const unsigned cpu = ThisCpu();
  Vp& vp = g_vps[cpu];
  for (uint32_t i = 0; i < vp.connection_count; ++i) {
    Command(vp.connections[i].undo, vp.connections[i]);
  }
  WriteBack(vp, true);
  WriteBack(vp, false);
  if (vp.written_count != 0) (void)WriteMsr(MsrIndex::kEom, 0);
  LetInterruptsIn(0, 1);
  std::memset(reinterpret_cast<void*>(testing::PageAt(cpu, 0)), 0,
              testing::kPagesPerCpu * testing::kPageBytes);
  std::memset(&vp, 0, sizeof(vp));
}

void ResetShared() {
  (void)WriteMsr(MsrIndex::kReferenceTsc, 0);
  (void)WriteMsr(MsrIndex::kHypercall, 0);
  (void)WriteMsr(MsrIndex::kGuestOsId, 0);
}

}  // namespace hvkit::guest
