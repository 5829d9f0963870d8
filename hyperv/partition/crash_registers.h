// How a guest reports its own crash: five parameters, and a control register that sends them.
//
// TLFS: partition-properties.md "Partition Crash Enlightenment". The registers stay as they were
// after a report.
#ifndef HVKIT_HYPERV_PARTITION_CRASH_REGISTERS_H_
#define HVKIT_HYPERV_PARTITION_CRASH_REGISTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hyperv/host/guest_memory.h"
#include "hyperv/host/ids.h"
#include "hyperv/partition/partition_events.h"

namespace hvkit::hyperv {

// HV_X64_MSR_CRASH_P0 to _P4 and _CTL. Thread-safe; reports of VPs that write the parameters at the
// same time are mixed.
class CrashRegisters {
 public:
  CrashRegisters(const GuestMemory& memory, PartitionEvents& events)
      : memory_(memory), events_(events) {}

  // `parameter` is below kCrashParameterCount.
  uint64_t Read(size_t parameter) const {
    return parameters_[parameter].load(std::memory_order_relaxed);
  }
  void Write(size_t parameter, uint64_t value) {
    parameters_[parameter].store(value, std::memory_order_relaxed);
  }
  // Reports if CrashNotify is set, with the message that P3 and P4 name if CrashMessage is: its
  // first kMaxCrashMessageBytes, without what follows a NUL; none where it is not in RAM.
  void WriteControl(VpIndex by, tlfs::CrashCtl control);

  // All parameters are 0 again.
  void Reset();

 private:
  const GuestMemory& memory_;
  PartitionEvents& events_;
  std::array<std::atomic<uint64_t>, kCrashParameterCount> parameters_{};
};

}  // namespace hvkit::hyperv

#endif  // HVKIT_HYPERV_PARTITION_CRASH_REGISTERS_H_
