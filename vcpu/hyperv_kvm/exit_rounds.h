// Runs one kind of exit in paired rounds: on one vCPU, in one thread, by VcpuThread's own loop and
// by a raw loop in turn.
//
// The guest executes one instruction many times and then writes to a port that marks the end of a
// batch. VcpuThread runs the guest; the device behind that port notes the time, runs the batches
// that are the raw loop's turn itself, inside the access, and returns when it is our loop's turn.
#ifndef HVKIT_VCPU_HYPERV_KVM_EXIT_ROUNDS_H_
#define HVKIT_VCPU_HYPERV_KVM_EXIT_ROUNDS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "testing/benchmarks/paired_samples.h"
#include "vcpu/hyperv_kvm/raw_exit_loops.h"

namespace hvkit::vcpu {

// Whether the run loop is bare or has the user back end in it.
enum class Hooks : uint8_t { kNone, kUserBackend };

// How what answers a RDMSR gets at the guest's registers. Not with the back end.
enum class RegisterSource : uint8_t { kNone, kGetRegs, kSyncRegs };

// What the guest of a scenario finds.
inline constexpr uint8_t kQuietPort = 0x10;          // ignores what is written
inline constexpr uint64_t kQuietMmio = 0xD0000000;   // the same
inline constexpr uint32_t kForeignMsr = 0x0BAD0001;  // without the back end: reads as 7
inline constexpr uint64_t kCallPage = 0x6000;        // with the back end: the hypercall page
inline constexpr uint32_t kEventConnection = 7;      // with the back end: takes events

struct ExitScenario {
  // What the guest repeats: an instruction of two bytes that leads to one exit, in 64-bit code.
  // Zeros: the guest does nothing, and both sides make entries with immediate_exit.
  std::array<uint8_t, 2> instruction;
  struct Registers {
    uint64_t rax = 0, rbx = 0, rcx = 0, rdx = 0, rsi = 0, r8 = 0;
  } registers = {};

  const char* name;
  Hooks hooks = Hooks::kNone;
  RawLoop raw;
  uint64_t raw_sync_sets = 0;  // KVM_SYNC_X86_*: what each exit brings along in the raw loop
  RegisterSource registers_from = RegisterSource::kNone;  // in ours
};

// Makes a VM for the scenario and runs it on the calling thread's processor, in a thread of its
// own.
[[nodiscard]] absl::StatusOr<benchmarks::PairedSummary> RunExitRounds(
    const ExitScenario& scenario, const benchmarks::RoundCounts& counts);

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_HYPERV_KVM_EXIT_ROUNDS_H_
