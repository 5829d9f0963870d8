// A random guest program and what a guest saw when it ran it: what the generator, the guest and
// the comparison share. Needs no hosted library. Immutable.
#ifndef HVKIT_TESTING_DIFFERENTIAL_PROGRAM_H_
#define HVKIT_TESTING_DIFFERENTIAL_PROGRAM_H_

#include <cstdint>

namespace hvkit::testing {

enum class StepKind : uint8_t {
  kReadMsr,     // `index`; a time is answered with whether it has grown
  kWriteMsr,    // `index`, `value`; then reads it back where that can be done
  kHypercall,   // `value` is the control word, `words` the input
  kStore,       // `value` at offset `index` of page `page`
  kDigestPage,  // `page`
  kFreeSlot,    // slot `sint` of page `page`; with EOM if `value` is 1 or if a message waits
  kArmTimer,    // timer `sint`: count `value`, from now if `index` is 1; waits for what is due soon
  kTick,        // timer `sint`, with period `value`, until it has interrupted twice
  kSettle,      // lets interrupts in and tells which came, each at most `value` times
  kTestdev,     // command `value` for `sint` of VP `page`, with connection `index`
  kCpuid,       // leaf `index`
  kResetVp,     // INIT and start of VP `page`, which waits; tells its registers after that
  kBarrier,     // all VPs come this far
};

inline constexpr uint32_t kMaxCpus = 4;
inline constexpr uint32_t kMaxSteps = 256;
inline constexpr uint32_t kInputWords = 8;

struct Step {
  StepKind kind = StepKind::kBarrier;
  uint8_t cpu = 0;
  uint8_t page = 0;  // of the VP's own, unless the kind says otherwise
  uint8_t sint = 0;
  uint32_t index = 0;
  uint64_t value = 0;
  uint64_t words[kInputWords] = {};
};
static_assert(sizeof(Step) == 80);

// Where a hypercall has its blocks: the step's `page` and `sint` hold an offset in the page of
// input, in units of 8 bytes, and how the output lies to it.
inline constexpr uint8_t kOutputApart = 0;
inline constexpr uint8_t kOutputOnInput = 1;
inline constexpr uint8_t kBeyondMemory = 2;

struct Record {
  uint8_t done = 0;     // 0: the step was not reached
  uint8_t fault = 0;    // vector of the exception, 0: none
  uint8_t fault2 = 0;   // of reading back
  uint8_t skipped = 0;  // the step could not be done as things were
  uint32_t detail = 0;
  uint64_t value = 0;
  uint64_t value2 = 0;

  friend constexpr bool operator==(const Record&, const Record&) = default;
};
static_assert(sizeof(Record) == 24);

// The guest's memory. The programs come as a multiboot module: a BatchHeader, for each program a
// ProgramHeader and its steps. Records go to kRecordsAt, in the order of all steps.
struct BatchHeader {
  uint32_t programs = 0;
  uint32_t cpus = 1;
};
struct ProgramHeader {
  uint32_t steps = 0;
  uint32_t reserved = 0;
};

inline constexpr uint64_t kMemoryBytes = uint64_t{128} << 20;
inline constexpr uint64_t kRecordsAt = uint64_t{64} << 20;
inline constexpr uint64_t kPagesAt = uint64_t{48} << 20;
inline constexpr uint32_t kPagesPerCpu = 4;
inline constexpr uint64_t kPageBytes = 4096;
// The page of an MSR write that stands for the guest's hypercall page.
inline constexpr uint64_t kHypercallPageToken = uint64_t{40} << 20;
inline constexpr uint64_t kReferenceTscPageAt = uint64_t{47} << 20;
inline constexpr uint64_t kAssistPagesAt = uint64_t{46} << 20;

constexpr uint64_t PageAt(uint32_t cpu, uint32_t page) {
  return kPagesAt + (uint64_t{cpu} * kPagesPerCpu + page) * kPageBytes;
}

// The timers of programs; the guest has the last one for itself.
inline constexpr uint32_t kProgramTimers = 3;
// A timer that is due less than that after it was set is waited for, in units of 100 ns.
inline constexpr uint64_t kSoonest = 1000;

// Interrupts that are counted.
inline constexpr uint8_t kFirstCountedVector = 0x40;
inline constexpr uint32_t kCountedVectors = 16;

}  // namespace hvkit::testing

#endif  // HVKIT_TESTING_DIFFERENTIAL_PROGRAM_H_
