// For tests of the calls: a guest with memory and registers that makes them through the dispatcher.
#ifndef HVKIT_HYPERV_HYPERCALL_TEST_GUEST_H_
#define HVKIT_HYPERV_HYPERCALL_TEST_GUEST_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <vector>

#include "hyperv/host/guest_memory.h"
#include "hyperv/host/hypercall_registers.h"
#include "hyperv/host/ids.h"
#include "hyperv/hypercall/call_table.h"
#include "hyperv/hypercall/control.h"
#include "hyperv/hypercall/dispatcher.h"
#include "hyperv/hypercall/standard_calls.h"
#include "hyperv/hypercall/test_host.h"
#include "hyperv/msr/privileges.h"
#include "hyperv/tlfs/hypercall.h"
#include "hyperv/tlfs/status.h"
#include "testing/fakes/fake_guest_memory.h"
#include "testing/fakes/fake_hypercall_registers.h"

namespace hvkit::hyperv {

inline constexpr uint64_t kInputGpa = 0x10000;   // Two pages from here on
inline constexpr uint64_t kOutputGpa = 0x20000;  // The same
inline constexpr uint64_t kNoMemoryGpa = 0xFF'FFFF'F000;
inline constexpr uint64_t kPartitionId = 0x1234567890ABCDEF;

// What became of a call that was executed until it was complete.
struct CallAnswer {
  HypercallOutcome::Kind kind;
  tlfs::HvStatus status;
  uint32_t reps;
  int executions;
};

class TestGuest {
 public:
  explicit TestGuest(uint32_t vp_count = 4,
                     const Privileges& privileges = Privileges::Unrestricted(),
                     const FlushPolicy& policy = {})
      : host(vp_count),
        calls_(host.Interfaces(),
               {.vp_count = vp_count, .flush = policy, .partition_id = kPartitionId}),
        table_(privileges),
        dispatcher_(table_, memory) {
    memory.MapRam(Gpn::Containing(Gpa(kInputGpa)), 2);
    memory.MapRam(Gpn::Containing(Gpa(kOutputGpa)), 2);
    if (!calls_.AddTo(table_)) __builtin_trap();
  }

  CallTable& table() { return table_; }
  const Dispatcher& dispatcher() const { return dispatcher_; }

  template <typename T>
  void Put(uint64_t address, const T& value) {
    PutBytes(address, std::as_bytes(std::span(&value, 1)));
  }
  void PutBytes(uint64_t address, std::span<const std::byte> bytes) {
    if (memory.Write(Gpa(address), bytes) != MemFault::kNone) __builtin_trap();
  }
  template <typename T>
  T Get(uint64_t address) const {
    T value;
    if (memory.Read(Gpa(address), std::as_writable_bytes(std::span(&value, 1))) !=
        MemFault::kNone) {
      __builtin_trap();
    }
    return value;
  }

  // Executes the instruction once.
  HypercallOutcome Execute(HypercallWords& words) {
    return dispatcher_.Dispatch(caller, words, xmm);
  }
  // Executes it as often as it takes; `bound` executions at most.
  CallAnswer Complete(HypercallWords words, int bound = 1000) {
    for (int executions = 1;; ++executions) {
      const HypercallOutcome outcome = Execute(words);
      const tlfs::HypercallResult result{outcome.result};
      if (outcome.kind != HypercallOutcome::Kind::kRetry || executions == bound) {
        return {
            outcome.kind, static_cast<tlfs::HvStatus>(tlfs::HypercallResult::Status::Get(result)),
            static_cast<uint32_t>(tlfs::HypercallResult::RepsCompleted::Get(result)), executions};
      }
    }
  }
  // A call in memory form with its input at kInputGpa and its output at kOutputGpa.
  CallAnswer Call(uint64_t control) {
    return Complete({CallerMode::k64Bit, control, {kInputGpa, kOutputGpa}});
  }
  template <typename Input>
  CallAnswer Call(tlfs::CallCode code, const Input& input, uint64_t rest_of_control = 0) {
    Put(kInputGpa, input);
    return Call(static_cast<uint64_t>(code) | rest_of_control);
  }

  testing::FakeGuestMemory memory;
  testing::FakeXmmRegisters xmm;
  TestHost host;
  VpIndex caller{2};

 private:
  StandardCalls calls_;
  CallTable table_;
  Dispatcher dispatcher_;
};

// Parts of a control word.
constexpr uint64_t VariableWords(uint64_t words) { return words << 17; }
constexpr uint64_t Reps(uint64_t count, uint64_t start = 0) { return count << 32 | start << 48; }
inline constexpr uint64_t kFast = 1 << 16;

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_HYPERCALL_TEST_GUEST_H_
