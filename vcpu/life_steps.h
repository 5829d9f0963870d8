// The steps of a virtual machine's life that life_cycle_benchmark measures, and a watch for them.
// Names are those of the peers' measurements.
#ifndef HVKIT_VCPU_LIFE_STEPS_H_
#define HVKIT_VCPU_LIFE_STEPS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "hyperv/host/ids.h"

namespace hvkit::vcpu {

// In the order in which they are done; the last but one is the time of all before it, from the
// start.
enum class LifeStep : uint8_t {
  kOpen,
  kCreateVm,
  kMemory,
  kIrqchip,
  kVcpu,
  kCpuid,
  kState,
  kFirstRun,
  kUntilFirstExit,
  kClose
};
inline constexpr std::array kLifeStepNames = {
    "open /dev/kvm",
    "KVM_CREATE_VM",
    "mmap + SET_USER_MEMORY_REGION",
    "KVM_CREATE_IRQCHIP",
    "KVM_CREATE_VCPU + mmap",
    "GET_SUPPORTED_CPUID + SET_CPUID2",
    "sregs, regs, code, page tables",
    "first KVM_RUN to OUT exit",
    "open → first exit",
    "close everything",
};
inline constexpr size_t kLifeSteps = kLifeStepNames.size();
static_assert(static_cast<size_t>(LifeStep::kClose) + 1 == kLifeSteps);

// Wall time in ns: a part of the work is done by threads of the kernel.
using LifeTimes = std::array<double, kLifeSteps>;

// What both sides make: one vCPU in 64-bit mode over 128 MiB of RAM.
inline constexpr size_t kLifeRamSize = size_t{128} << 20;
inline constexpr hyperv::Gpa kLifeCode{0x10000};
inline constexpr hyperv::Gpa kLifeTables{0x80000};
inline constexpr uint8_t kLifePort = 0x10;
inline constexpr std::array<uint8_t, 3> kLifeGuest = {0xE6, kLifePort, 0xF4};  // OUT, HLT

// Notes how long each step took. *Not thread-safe*.
class LifeWatch {
 public:
  // The step that ran since the one before it has ended.
  void Lap(LifeStep step) {
    const double now = Now();
    times_[static_cast<size_t>(step)] = now - last_;
    if (step == LifeStep::kFirstRun) {
      times_[static_cast<size_t>(LifeStep::kUntilFirstExit)] = now - start_;
    }
    last_ = Now();
  }
  const LifeTimes& times() const { return times_; }

 private:
  static double Now() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double, std::nano>(now).count();
  }

  LifeTimes times_{};
  const double start_ = Now();
  double last_ = start_;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_LIFE_STEPS_H_
